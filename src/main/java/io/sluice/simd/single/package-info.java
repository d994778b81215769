/**
 * Encoding one vector, or a few, when the time to read the weights is what counts: for services.
 * {@link io.sluice.simd.single.RowEncoder} keeps the weights in one of the formats of {@link
 * io.sluice.simd.single.RowFormat} and selects exactly whichever it is: with bytes it finds
 * candidates within proven bounds ({@code ErrorBounds}) and computes those from float32.
 *
 * <p>Batches of more than eight vectors belong to {@code io.sluice.simd.batch}.
 */
package io.sluice.simd.single;
