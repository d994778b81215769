package io.sluice.memory;

import java.util.Arrays;

/**
 * Arrays that are kept from call to call and replaced by longer ones when a batch needs more. The
 * owner keeps the array in a field of its own and asks once per batch, so that inner loops read a
 * plain array:
 *
 * <pre>{@code
 * sums = ScratchArrays.atLeast(sums, rows * width); // what it held is lost
 * ids = ScratchArrays.extended(ids, size + 1); // what it held stays
 * }</pre>
 *
 * <p>{@link GrowingMemory} is the same for native memory.
 */
public final class ScratchArrays {
  /** Beyond this some virtual machines refuse an array. */
  private static final int LONGEST = Integer.MAX_VALUE - 8;

  private ScratchArrays() {}

  /**
   * {@code array} as it is if it has {@code length} values, else a new one of zeros.
   *
   * @throws IllegalArgumentException if {@code length} is negative
   */
  public static float[] atLeast(float[] array, int length) {
    return array.length >= requireLength(length) ? array : new float[length];
  }

  /** Like {@link #atLeast(float[], int)}. */
  public static double[] atLeast(double[] array, int length) {
    return array.length >= requireLength(length) ? array : new double[length];
  }

  /** Like {@link #atLeast(float[], int)}. */
  public static int[] atLeast(int[] array, int length) {
    return array.length >= requireLength(length) ? array : new int[length];
  }

  /** Like {@link #atLeast(float[], int)}. */
  public static long[] atLeast(long[] array, int length) {
    return array.length >= requireLength(length) ? array : new long[length];
  }

  /**
   * {@code array} as it is if it has {@code length} values, else a copy that is at least twice as
   * long; zeros follow what was there.
   *
   * @throws IllegalArgumentException if {@code length} is negative, as a size is that has grown
   *     past the longest array
   */
  public static float[] extended(float[] array, int length) {
    return array.length >= requireLength(length)
        ? array
        : Arrays.copyOf(array, longer(array.length, length));
  }

  /** Like {@link #extended(float[], int)}. */
  public static int[] extended(int[] array, int length) {
    return array.length >= requireLength(length)
        ? array
        : Arrays.copyOf(array, longer(array.length, length));
  }

  /** Like {@link #extended(float[], int)}. */
  public static long[] extended(long[] array, int length) {
    return array.length >= requireLength(length)
        ? array
        : Arrays.copyOf(array, longer(array.length, length));
  }

  /** Like {@link #extended(float[], int)}. */
  public static byte[] extended(byte[] array, int length) {
    return array.length >= requireLength(length)
        ? array
        : Arrays.copyOf(array, longer(array.length, length));
  }

  /** Like {@link #extended(float[], int)}; nulls follow what was there. */
  public static <T> T[] extended(T[] array, int length) {
    return array.length >= requireLength(length)
        ? array
        : Arrays.copyOf(array, longer(array.length, length));
  }

  private static int requireLength(int length) {
    if (length < 0) {
      throw new IllegalArgumentException("an array of " + length + " values");
    }
    return length;
  }

  /** Twice as much as there was, so that values added one by one are copied twice at most. */
  private static int longer(int old, int length) {
    return (int) Math.max(length, Math.min(2L * old, LONGEST));
  }
}
