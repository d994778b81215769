/**
 * Reads columns of texts in Parquet files with only the JDK and a decoder of Zstandard: the footer,
 * pages, their compression and encodings, each with limits on the memory that a file can make it
 * use. Other types of columns, and writing, are not supported.
 */
package io.sluice.text.parquet;
