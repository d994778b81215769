/**
 * Upper bounds of scores from products of bytes. Rows and tokens are rounded to int8, their product
 * is exact, and a bound of the rounding errors (by the inequality of Cauchy and Schwarz) is added
 * to it. {@code io.sluice.simd.batch} uses the bound to find the few pairs of token and feature
 * whose product it computes in float32.
 *
 * <p>The caller passes the matrix product as an {@link io.sluice.simd.int8.Int8Product}, because
 * the Vector API has no product of bytes. Selection of features does not belong here.
 */
package io.sluice.simd.int8;
