package io.sluice.simd.adam;

/**
 * Rounding of float32 to bfloat16 at random: to one of the two neighbours, with probabilities that
 * make the mean of many roundings the number itself. Rounding to the nearest would not do for
 * Adam's moments: the second moment changes by a thousandth from step to step, neighbours in
 * bfloat16 lie up to a 128th apart, so it would never change at all.
 *
 * <p>The random bits are a function of the step, the matrix, the row and the column. So a result
 * depends neither on the number of threads nor on the rows updated before, and a resumed run makes
 * the same draws. One hash of 32 bits has two fields of 16: the higher for the first moment, the
 * lower for the second. A field is added to the 16 bits that bfloat16 leaves out, and the sum is
 * cut off. The hash is {@code lowbias32} of Chris Wellons's Hash Prospector.
 */
public final class StochasticRounding {
  /** What the columns of a row are apart, before they are hashed: 2³² over the golden ratio. */
  static final int COLUMN = 0x9E3779B9;

  /** The first factor of {@link #hash}. */
  public static final int FIRST_FACTOR = 0x7FEB352D;

  /** The second factor of {@link #hash}. */
  public static final int SECOND_FACTOR = 0x846CA68B;

  private StochasticRounding() {}

  /** A permutation of 32 bits without visible order. */
  public static int hash(int x) {
    x = (x ^ x >>> 16) * FIRST_FACTOR;
    x = (x ^ x >>> 15) * SECOND_FACTOR;
    return x ^ x >>> 16;
  }

  /** What the rows of a matrix have in common at a step. */
  public static int stepKey(long step, int matrix) {
    return hash((int) step ^ hash((int) (step >>> 32) ^ hash(matrix + 1)));
  }

  /** What the columns of a row have in common at a step. */
  public static int rowKey(int stepKey, int row) {
    return hash(stepKey ^ row);
  }

  /** What tells a column from the others of its row. */
  public static int columnOffset(int column) {
    return column * COLUMN;
  }

  /** The random bits of an element: 16 for the first moment, then 16 for the second. */
  public static int bits(int rowKey, int column) {
    return hash(rowKey ^ columnOffset(column));
  }

  /** The first moment as bfloat16. */
  public static short first(float moment, int bits) {
    return (short) (Float.floatToRawIntBits(moment) + (bits >>> 16) >>> 16);
  }

  /** The second moment as bfloat16. */
  public static short second(float moment, int bits) {
    return (short) (Float.floatToRawIntBits(moment) + (bits & 0xffff) >>> 16);
  }

  /** The number that a bfloat16 is. */
  public static float widen(short bfloat16) {
    return Float.intBitsToFloat(bfloat16 << 16);
  }
}
