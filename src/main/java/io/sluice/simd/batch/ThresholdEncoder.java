package io.sluice.simd.batch;

import io.sluice.memory.Workers;
import io.sluice.simd.NonFiniteException;
import io.sluice.simd.int8.Int8Product;
import java.util.function.Supplier;

/**
 * Encodes tokens and keeps every feature above its own threshold, in one pass and without a {@code
 * tokens × features} matrix. ReLU (thresholds of 0) and JumpReLU use it.
 *
 * <p>An instance keeps its scratch memory from call to call; it is used by one caller at a time.
 */
public final class ThresholdEncoder implements BatchEncoder {
  private final TileScan<Found> scan;
  private float[] thresholds;

  /** Everything above the features' thresholds. */
  private final class Found extends FoundCodes {
    @Override
    float threshold(int feature) {
      return thresholds[feature];
    }
  }

  /** An encoder without weights that multiplies in float32 alone: {@link #prepare} comes first. */
  public ThresholdEncoder(Workers workers) {
    this(workers, () -> null);
  }

  /**
   * An encoder without weights: {@link #prepare} comes first.
   *
   * @param product as for {@link TopKEncoder}
   */
  public ThresholdEncoder(Workers workers, Supplier<? extends Int8Product> product) {
    this(SparseKernels.ofThisMachine(), workers, product);
  }

  ThresholdEncoder(
      SparseKernels kernels, Workers workers, Supplier<? extends Int8Product> product) {
    scan = new TileScan<>(kernels, workers, product, Found::new);
  }

  @Override
  public void prepare(EncoderWeights weights, boolean[] moved) {
    scan.prepare(weights, moved);
  }

  /**
   * Finds the codes of {@code count} tokens: the features whose value, multiplied by their factor,
   * is above their threshold.
   *
   * @param thresholds one per feature, of any sign
   * @param tokens {@code [count, width]}
   * @param out overwritten
   * @throws NonFiniteException if a token has a value that is NaN or infinite
   * @throws IllegalArgumentException if there are over 2³¹ codes
   * @throws IllegalStateException if there are no weights
   */
  public void encode(float[] thresholds, float[] tokens, int count, SparseRows out) {
    int features = scan.weights().features();
    if (thresholds.length < features) {
      throw new IllegalArgumentException(
          "%d features need as many thresholds, not %d".formatted(features, thresholds.length));
    }
    this.thresholds = thresholds;
    int tasks = scan.scan(tokens, count, thresholds, true);
    scan.collect(tasks, count, out);
  }

  @Override
  public Follower follower() {
    return scan.follower();
  }

  @Override
  public String screen() {
    return scan.screen();
  }
}
