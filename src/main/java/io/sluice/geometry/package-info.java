/**
 * The shape of what a transformer writes: streaming mean and covariance, spectra and the measures
 * taken from them, active subspaces, the output projection and the overlap of its heads. The
 * measures are those of arXiv 2508.16929, on centred activations.
 */
package io.sluice.geometry;
