/**
 * Mean and second moments of any number of rows in one pass, in float32 products and float64 sums:
 * {@link io.sluice.simd.moments.MomentAccumulator}, and its result {@link
 * io.sluice.simd.moments.Moments}. What is derived from them (covariance, spectrum, subspaces)
 * belongs to {@code io.sluice.geometry}.
 */
package io.sluice.simd.moments;
