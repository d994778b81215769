/**
 * Models of tokenizers: what makes ids of a piece of text. Byte-pair encoding, Unigram and
 * WordPiece, each over a vocabulary. What happens to a text before and after stands in {@code
 * steps}.
 */
package io.sluice.tokenizer.model;
