/**
 * Opens a model and its tokenizer from a path: finds the files of the model, detects its
 * architecture, and calls the loader. The loaders of architectures do not belong here: they are in
 * {@code model.causal}, {@code model.architectures} and {@code model.bert}.
 */
package io.sluice.model.loading;
