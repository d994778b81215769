/**
 * Initialises the training of a dictionary. {@link io.sluice.training.start.Preparation} reads a
 * sample of the store and makes the initial engine: scales, means and subspaces come from the
 * sample, directions from an initialiser, and their length from a search. There is one class per
 * kind of dictionary. {@link io.sluice.training.start.WhiteningMap} maps activations to the input
 * of the engine in whitened and constrained training.
 *
 * <p>Code that draws directions belongs in {@code io.sluice.dictionary}, measures of subspaces in
 * {@code io.sluice.geometry}.
 */
package io.sluice.training.start;
