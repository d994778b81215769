/**
 * Encoding many tokens at once and selecting their features while the products are still in
 * registers; sums over few rows of a large table; Adam on single rows. For engines.
 *
 * <p>Four encoders differ in what they keep: {@link io.sluice.simd.batch.TopKEncoder} the k largest
 * of each token, {@link io.sluice.simd.batch.AbsTopKEncoder} the k furthest from zero, {@link
 * io.sluice.simd.batch.BatchTopKEncoder} the largest of the batch, {@link
 * io.sluice.simd.batch.ThresholdEncoder} what is above a threshold. Their weights are {@link
 * io.sluice.simd.batch.EncoderWeights}: a value times its feature's factor is its score, and scores
 * are compared. {@code TileScan} and {@code FoundCodes} are what the last two share; {@code Screen}
 * and its neighbours are a bound that spares {@code TopKEncoder} half of the products.
 *
 * <p>A few vectors at a time are better encoded by {@code io.sluice.simd.single}. Losses, schedules
 * and dead features are not here: they are the engine's.
 */
package io.sluice.simd.batch;
