/**
 * Texts from files, folders and patterns as a stream of documents: plain text, JSON lines and
 * Parquet, plain or packed with gzip or Zstandard, in UTF-8, UTF-16 or UTF-32. Problems in texts
 * are counted and named, or end the reading if it is strict; files that are not text are refused by
 * their type. Tokens and contexts belong in {@code model.tokens}.
 */
package io.sluice.text;
