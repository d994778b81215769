/**
 * Texts from files, folders and patterns as a stream of documents: plain text, JSON lines and
 * arrays, Parquet and Arrow, folders of HuggingFace's {@code datasets}, uncompressed or compressed
 * with gzip or Zstandard, in UTF-8, UTF-16 or UTF-32. Damaged texts are counted and reported, or,
 * in strict reading, refused. Files that are not text are refused with a message that names their
 * type. Tokens and contexts belong in {@code model.tokens}.
 */
package io.sluice.text;
