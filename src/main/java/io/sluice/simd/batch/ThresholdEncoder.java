package io.sluice.simd.batch;

import io.sluice.memory.Workers;
import io.sluice.simd.NonFiniteException;

/**
 * Encodes tokens and keeps every feature above its own threshold, in one pass, without ever holding
 * a {@code tokens × features} matrix: what ReLU (thresholds of 0) and JumpReLU need.
 *
 * <p>An instance keeps its scratch memory from call to call; it is used by one caller at a time.
 */
public final class ThresholdEncoder {
  private final TileScan<Found> scan;
  private float[] thresholds;

  /** Everything above the features' thresholds. */
  private final class Found extends FoundCodes {
    @Override
    float threshold(int feature) {
      return thresholds[feature];
    }
  }

  /** An encoder; weights come with each call. */
  public ThresholdEncoder(Workers workers) {
    this(SparseKernels.ofThisMachine(), workers);
  }

  ThresholdEncoder(SparseKernels kernels, Workers workers) {
    scan = new TileScan<>(kernels, workers, Found::new);
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
   */
  public void encode(
      EncoderWeights weights, float[] thresholds, float[] tokens, int count, SparseRows out) {
    if (thresholds.length < weights.features()) {
      throw new IllegalArgumentException(
          "%d features need as many thresholds, not %d"
              .formatted(weights.features(), thresholds.length));
    }
    this.thresholds = thresholds;
    int tasks = scan.scan(weights, tokens, count);
    scan.collect(tasks, count, out);
  }
}
