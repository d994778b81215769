/**
 * The models of tokenizers, which convert a piece of text to token ids: byte-pair encoding, Unigram
 * and WordPiece, each over a vocabulary. The steps before and after the model belong in {@code
 * steps}.
 */
package io.sluice.tokenizer.model;
