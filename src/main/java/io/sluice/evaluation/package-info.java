/**
 * Measures of a trained dictionary: FVU, L0, dead features and firing frequencies on the tokens of
 * a store, and the loss of a language model with activations replaced by reconstructions,
 * projections or means. Training belongs in {@code training}, pages and charts in {@code report}.
 */
package io.sluice.evaluation;
