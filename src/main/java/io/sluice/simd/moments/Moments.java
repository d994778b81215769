package io.sluice.simd.moments;

/**
 * Count, mean and second moments of the rows that a {@link MomentAccumulator} has seen.
 *
 * @param count number of rows
 * @param mean {@code [d]}; zeros if there were no rows
 * @param scatter {@code [d, d]} row-major, symmetric: {@code Σ (x − mean)(x − mean)ᵀ} over the rows
 */
public record Moments(long count, double[] mean, double[] scatter) {}
