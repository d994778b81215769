/**
 * Upper bounds of scores from products of whole numbers. Rows and tokens are rounded to int8, the
 * product of the two is exact, and what rounding left out is added to it by the inequality of
 * Cauchy and Schwarz. {@code io.sluice.simd.batch} uses the bound to find the few pairs whose
 * product it computes in float32.
 *
 * <p>The matrix product itself is handed in as an {@link io.sluice.simd.int8.Int8Product}: the
 * Vector API has no product of bytes. Selections and heaps do not belong here.
 */
package io.sluice.simd.int8;
