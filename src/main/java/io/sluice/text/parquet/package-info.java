/**
 * Columns of texts in Parquet files, read with nothing but the JDK and a decoder of Zstandard: the
 * footer, pages, their compression and encodings, each with limits that hold whatever a file says.
 */
package io.sluice.text.parquet;
