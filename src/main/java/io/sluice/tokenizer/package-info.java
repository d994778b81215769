/**
 * Tokenizers as HuggingFace's {@code tokenizer.json} describes them: texts to ids, and back. They
 * are written in Java and have the parts that released models use. Tests compare their ids with
 * those of the {@code tokenizers} package on whole documents. A description with any other part is
 * refused, by the name of that part, before a text is read. No text can end the process, make it
 * run without end, or make it use memory out of proportion to its length.
 *
 * <p>{@link io.sluice.tokenizer.TextTokenizer} is the entry point. Files of models, special tokens
 * and contexts belong in {@code io.sluice.model.tokens}.
 */
package io.sluice.tokenizer;
