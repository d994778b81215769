package io.sluice.model;

/**
 * Consecutive tokens of one document, to be run together.
 *
 * @param document the document's number, counted from 0
 * @param tokens the text's tokens, without special tokens
 */
record Context(int document, int[] tokens) {}
