/**
 * Vector API kernels over memory, and what all of them share: {@link io.sluice.simd.KernelProvider}
 * chooses the width of the vectors once, at start; {@link io.sluice.simd.Panels} is memory for
 * packed rows; the exceptions say which value is not finite. Nothing here needs LibTorch or Arrow.
 *
 * <p>Each subject has a package of its own within this one:
 *
 * <ul>
 *   <li>{@code moments}: means and covariances of many rows;
 *   <li>{@code batch}: encoding many tokens and selecting their features, sums over sparse rows,
 *       Adam row by row;
 *   <li>{@code single}: encoding one vector, or a few, as fast as weights can be read;
 *   <li>{@code layers}: what transformer layers are computed with;
 *   <li>{@code blocks}: quantised weights of GGUF files to float32.
 * </ul>
 *
 * <p>In each an interface says what its kernels compute, a scalar class defines it, and a class
 * over the Vector API does it fast. These are package-private and trust their arguments; the public
 * classes check theirs. {@code single} uses heaps and weights of {@code batch}, {@code batch} the
 * sums of {@code moments}, and no other subject uses another.
 *
 * <p>Three subjects multiply matrices with a tile of their own: second moments ({@code moments}),
 * encoders ({@code batch}) and layers ({@code layers}). One tile for all was written and measured,
 * and was slower: each keeps a different operand in registers.
 */
package io.sluice.simd;
