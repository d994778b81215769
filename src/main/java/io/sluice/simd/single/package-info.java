/**
 * Encoding one vector, or a few, where the time to read the weights from memory is the limit, as in
 * services. {@link io.sluice.simd.single.RowEncoder} stores the weights in a format of {@link
 * io.sluice.simd.single.RowFormat}. Selection is exact in every format: with bytes it finds
 * candidates within proven error bounds ({@code ErrorBounds}) and computes their values in float32.
 *
 * <p>Batches of more than eight vectors belong in {@code io.sluice.simd.batch}.
 */
package io.sluice.simd.single;
