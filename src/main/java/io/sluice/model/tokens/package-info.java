/**
 * A model's tokenizer, from {@code tokenizer.json} or out of a GGUF file, the tokens with which its
 * texts end, and contexts of tokens. The tokenizers' own algorithms are in {@code
 * io.sluice.tokenizer}.
 */
package io.sluice.model.tokens;
