/**
 * From a path to a model with its tokenizer: which files belong together, which of them say what
 * the model is, and who loads it.
 */
package io.sluice.model.loading;
