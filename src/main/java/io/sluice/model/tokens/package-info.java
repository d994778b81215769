/**
 * A model's tokenizer, from {@code tokenizer.json} or a GGUF file; the tokens that end a text; and
 * contexts of tokens. The algorithms of tokenizers belong in {@code io.sluice.tokenizer}.
 */
package io.sluice.model.tokens;
