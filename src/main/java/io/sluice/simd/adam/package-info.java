/**
 * The update of Adam on single rows of a matrix: a row, its gradient and its two moments are read
 * and written once. {@link io.sluice.simd.adam.AdamRows} is the public class; {@code AdamKernel} is
 * its inner loop, which has an implementation over the Vector API and one in plain Java.
 *
 * <p>Which rows are updated, learning rates and schedules do not belong here: they are in {@code
 * io.sluice.engine} and {@code io.sluice.training}.
 */
package io.sluice.simd.adam;
