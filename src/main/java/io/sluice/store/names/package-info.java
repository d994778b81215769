/**
 * Names of hook points, and the columns that they mean: those of TransformerLens, paths of modules
 * in {@code transformers}, and {@code NamedColumns}, which finds a store's columns by any of them.
 * What a hook point is in a running model belongs in {@code io.sluice.model}.
 */
package io.sluice.store.names;
