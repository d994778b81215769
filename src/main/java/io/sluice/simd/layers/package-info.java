/**
 * Kernels for transformer layers on a CPU: products of rows with packed weights ({@link
 * io.sluice.simd.layers.PackedMatrix}, {@link io.sluice.simd.layers.RowProduct}), attention over
 * joined queries, keys and values ({@link io.sluice.simd.layers.Attention} with two ways to compute
 * its products), norms, activation functions and log losses. Memory is native and float32, and
 * belongs to the caller.
 *
 * <p>Nothing here depends on a model: {@code io.sluice.model} defines which layers each
 * architecture has.
 */
package io.sluice.simd.layers;
