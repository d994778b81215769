package io.sluice.simd.single;

/**
 * How far an approximate pre-activation can be from its float32 value, by place: the difference of
 * the weights, the rounding of both sums ({@code width + 8} operations each, in any order) and of
 * what follows them, and what underflows. By the inequality of Cauchy and Schwarz it is at most
 * {@code ‖x‖ · slope + offset}.
 */
final class ErrorBounds {
  /** Half a unit in the last place of 1: the relative error of one float32 operation. */
  private static final double UNIT = 0x1p-24;

  /** What the kernels read. */
  final RowKernels.Bounds arrays;

  private final PackedRows rows;

  /**
   * Bounds that are not yet set.
   *
   * @param rows what is multiplied
   * @param biases by place, with room for what kernels read past the last
   * @param factors likewise
   */
  ErrorBounds(PackedRows rows, float[] biases, float[] factors) {
    this.rows = rows;
    int room = biases.length;
    arrays =
        new RowKernels.Bounds(new float[room], biases, new float[room], new float[room], factors);
  }

  /**
   * Sets the bound of a place.
   *
   * @param length the norm of the feature's float32 row
   */
  void set(int place, int feature, double length) {
    double residual = rows.residuals[feature];
    double rounding = (rows.width + 16) * UNIT / (1 - (rows.width + 16) * UNIT);
    double slope = residual + rounding * (2 * length + residual);
    double offset =
        8 * UNIT * Math.abs(arrays.biases()[place])
            + (1 + rows.scales[feature]) * (rows.width + 8) * Float.MIN_VALUE;
    arrays.scales()[place] = rows.scales[feature];
    arrays.slopes()[place] = Math.nextUp((float) (slope * (1 + 8 * UNIT)));
    arrays.offsets()[place] = Math.nextUp((float) (offset * (1 + 8 * UNIT)));
  }

  /** The approximate pre-activation. */
  float value(int place, float product) {
    return arrays.scales()[place] * product + arrays.biases()[place];
  }

  /**
   * How far from it the float32 one can be.
   *
   * @param length the norm of the vector, rounded up
   */
  float error(int place, float length) {
    return length * arrays.slopes()[place] + arrays.offsets()[place];
  }
}
