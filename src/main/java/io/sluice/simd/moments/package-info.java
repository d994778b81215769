/**
 * Mean and second moments of any number of rows in one pass, with float32 products and float64
 * sums. {@link io.sluice.simd.moments.MomentAccumulator} computes them; {@link
 * io.sluice.simd.moments.Moments} is the result. What is derived from them (covariance, spectrum,
 * subspaces) belongs in {@code io.sluice.geometry}.
 */
package io.sluice.simd.moments;
