/**
 * Reads columns of texts in Parquet files with only the JDK and a decoder of Zstandard: the footer,
 * pages, their compression and encodings, each with limits that hold for any file. Other types of
 * columns, and writing, are out of scope.
 */
package io.sluice.text.parquet;
