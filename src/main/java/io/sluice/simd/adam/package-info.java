/**
 * The update of Adam on single rows of a matrix: a row, its gradient and its two moments are read
 * and written once. {@link io.sluice.simd.adam.AdamRows} is the public class; {@code AdamKernel} is
 * its inner loop, which has an implementation over the Vector API and one in plain Java. {@link
 * io.sluice.simd.adam.StochasticRounding} rounds moments that are kept in bfloat16.
 *
 * <p>The loop over the rows that a step updates is in {@code io.sluice.engine.vector} ({@code
 * VectorUpdate}); learning rates and schedules are in {@code io.sluice.training}.
 */
package io.sluice.simd.adam;
