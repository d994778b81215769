/**
 * What the training of a dictionary begins with. {@link io.sluice.training.start.Preparation} reads
 * a sample of the store and makes an engine at its start: scales, means and subspaces from the
 * sample, directions from an initialiser, their length from a search. There is one class per kind
 * of dictionary. {@link io.sluice.training.start.InputMap} stands between activations and engine in
 * whitened and constrained training.
 *
 * <p>How directions are drawn belongs to {@code io.sluice.dictionary}, measures of subspaces to
 * {@code io.sluice.geometry}.
 */
package io.sluice.training.start;
