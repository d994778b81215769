/**
 * The geometry of activations: streaming mean and covariance, spectra and measures of dimension,
 * active subspaces, the output projection {@code W_O} and the overlap of its heads. The measures
 * are those of arXiv 2508.16929, on centred activations. Running a model, and dictionaries, belong
 * elsewhere ({@code model}, {@code dictionary}).
 */
package io.sluice.geometry;
