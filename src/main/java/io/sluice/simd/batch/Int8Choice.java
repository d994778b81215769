package io.sluice.simd.batch;

/**
 * Whether an encoder uses bounds from int8 for its next batch. If computing the pairs that pass
 * them costs more than the product in float32, the next 16 batches run without these bounds, then
 * 32, and so on.
 */
final class Int8Choice {
  /** Below these, int8 bounds are not worth rounding for. */
  private static final int LEAST_FEATURES = 1024;

  private static final int LEAST_WIDTH = 64;
  private static final int FIRST_WITHOUT = 16;
  private static final int MOST_WITHOUT = 1 << 12;

  private final ScreenChoice.Allowed allowed;

  /** Batches until int8 bounds are tried again. */
  private int without;

  private int nextWithout = FIRST_WITHOUT;

  Int8Choice(ScreenChoice.Allowed allowed) {
    this.allowed = allowed;
  }

  /** The choice for one more batch. */
  boolean next(EncoderWeights weights) {
    boolean use =
        allowed.int8()
            && weights.features() >= LEAST_FEATURES
            && weights.width() >= LEAST_WIDTH
            && without == 0;
    without = Math.max(0, without - 1);
    return use;
  }

  /**
   * Records the cost of a batch with int8 bounds.
   *
   * @param count its tokens
   * @param work multiplications and additions beside those in int8
   */
  void judge(EncoderWeights weights, int count, double work) {
    if (!ScreenChoice.int8Pays(weights, count, work)) {
      without = nextWithout;
      nextWithout = Math.min(2 * nextWithout, MOST_WITHOUT);
    }
  }
}
