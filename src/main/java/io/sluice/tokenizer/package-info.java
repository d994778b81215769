/**
 * Tokenizers of HuggingFace's {@code tokenizer.json}: texts to ids, and back. Written in Java, from
 * the parts that released models use, and held against the {@code tokenizers} package over whole
 * documents. A description that holds anything else is refused by name before a text is read, and
 * no text can end the process, run without end or take memory out of proportion to its length.
 *
 * <p>{@link io.sluice.tokenizer.TextTokenizer} is the way in.
 */
package io.sluice.tokenizer;
