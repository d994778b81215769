/**
 * Texts from files, folders and patterns as a stream of documents: plain text, JSON lines and
 * Parquet, plain or packed with gzip or Zstandard, in UTF-8, UTF-16 or UTF-32. What is wrong with
 * them is counted and named, or refused where that was asked for; what is no text is refused by
 * name.
 */
package io.sluice.text;
