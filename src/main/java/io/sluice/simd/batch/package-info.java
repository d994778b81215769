/**
 * Encoding many tokens at once and selecting their features while the products are still in
 * registers; sums over few rows of a large matrix. Engines use it.
 *
 * <p>Encoders differ in what they keep: {@link io.sluice.simd.batch.TopKEncoder} the k largest of
 * each token or the k furthest from zero, {@link io.sluice.simd.batch.BatchTopKEncoder} the largest
 * of the batch, {@link io.sluice.simd.batch.ThresholdEncoder} what is above a threshold. Their
 * weights are {@link io.sluice.simd.batch.EncoderWeights}; after each change of these, the caller
 * calls {@link io.sluice.simd.batch.BatchEncoder#prepare}. A feature's score is its value times its
 * factor, and encoders compare scores. {@code TileScan} and {@code FoundCodes} are shared by the
 * last two encoders, {@code PreparedWeights} by all. {@code Screen} and the classes around it
 * compute upper bounds of scores from the leading directions of the tokens, and {@code
 * io.sluice.simd.int8} computes them from products of bytes. With either, encoders skip most of the
 * products in float32.
 *
 * <p>For a few vectors at a time, {@code io.sluice.simd.single} is faster. Losses, schedules and
 * dead features do not belong here: they are in {@code io.sluice.engine} and {@code
 * io.sluice.training}.
 */
package io.sluice.simd.batch;
