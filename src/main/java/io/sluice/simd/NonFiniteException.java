package io.sluice.simd;

/** A NaN or an infinity among values that a kernel was given. */
public final class NonFiniteException extends ArithmeticException {
  private static final long serialVersionUID = 1L;

  private final long row;
  private final int column;
  private final float value;

  /**
   * Names the place.
   *
   * @param row its row, counted from the first row of the call that failed
   * @param column its column
   * @param value what stands there
   */
  public NonFiniteException(long row, int column, float value) {
    super("row " + row + ", column " + column + " is " + value);
    this.row = row;
    this.column = column;
    this.value = value;
  }

  /**
   * Refuses tokens that are not finite: a NaN would pass every comparison by and be missing from
   * the codes without a word.
   *
   * @param tokens {@code [tokens, width]}, of which those from {@code first} to {@code end} are
   *     looked at
   */
  public static void requireFinite(float[] tokens, int first, int end, int width) {
    int largest = 0;
    for (int i = first * width; i < end * width; i++) {
      largest = Math.max(largest, Float.floatToRawIntBits(tokens[i]) & 0x7fff_ffff);
    }
    if (largest >= 0x7f80_0000) {
      for (int i = first * width; i < end * width; i++) {
        if (!Float.isFinite(tokens[i])) {
          throw new NonFiniteException(i / width, i % width, tokens[i]);
        }
      }
    }
  }

  /** The row of the value, counted from the first row of the call that failed. */
  public long row() {
    return row;
  }

  /** The column of the value. */
  public int column() {
    return column;
  }

  /** NaN or an infinity. */
  public float value() {
    return value;
  }
}
