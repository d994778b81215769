/**
 * Texts from files, folders and patterns as a stream of documents: plain text, JSON lines and
 * Parquet. What is wrong with them is counted and named, or refused where that was asked for.
 */
package io.sluice.text;
