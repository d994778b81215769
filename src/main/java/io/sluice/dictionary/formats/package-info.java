/**
 * Reads and writes dictionaries of other libraries: SAELens, sparsify, Llamascopium and
 * dictionary_learning; and reads those of Gemma Scope, Llama Scope, Qwen Scope, OpenAI, Goodfire
 * and circuit-tracer as they were published. Codes and reconstructions stay the same. {@code
 * SluiceFormat} makes Sluice's own format one of them; its files are read and written by {@code
 * io.sluice.dictionary}.
 */
package io.sluice.dictionary.formats;
