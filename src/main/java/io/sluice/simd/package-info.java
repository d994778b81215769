/**
 * Vector API kernels over memory, and what they share: {@link io.sluice.simd.KernelProvider}
 * chooses the vector width once, at start; {@link io.sluice.simd.Panels} is memory for packed rows;
 * the exceptions name the value that is not finite. Nothing here needs LibTorch or Arrow.
 *
 * <p>Each subject has its own package below this one:
 *
 * <ul>
 *   <li>{@code moments}: means and covariances of many rows;
 *   <li>{@code batch}: encoding many tokens and selecting their features, sums over sparse rows;
 *   <li>{@code int8}: upper bounds of products from rows rounded to int8;
 *   <li>{@code adam}: the update of one row by Adam; {@code engine.vector} has the loop over rows;
 *   <li>{@code single}: encoding one vector, or a few, as fast as the weights can be read from
 *       memory;
 *   <li>{@code layers}: products, attention and norms of transformer layers;
 *   <li>{@code blocks}: quantised weights of GGUF files, converted to float32.
 * </ul>
 *
 * <p>In each package an interface declares the kernels, a scalar class is their specification, and
 * a class over the Vector API is the fast implementation. Kernels are package-private and do not
 * check their arguments; the public classes do. {@code single} uses heaps and weights of {@code
 * batch}, and {@code batch} uses sums of {@code moments}. No other subject depends on another. Code
 * that knows engines, models or files does not belong here.
 *
 * <p>Three subjects multiply matrices with different tiles: second moments ({@code moments}),
 * encoders ({@code batch}) and layers ({@code layers}). A common tile was measured and was slower,
 * because each keeps a different operand in registers.
 */
package io.sluice.simd;
