/**
 * What transformer layers are computed with on a CPU: products of rows with packed weights ({@link
 * io.sluice.simd.layers.PackedMatrix}, {@link io.sluice.simd.layers.RowProduct}), attention over
 * joined queries, keys and values ({@link io.sluice.simd.layers.Attention} with two ways to take
 * its products), norms, functions, log losses. Memory is native, float32, and the caller's.
 *
 * <p>Nothing here knows a model: which architecture has which layers is told in {@code
 * io.sluice.model}.
 */
package io.sluice.simd.layers;
