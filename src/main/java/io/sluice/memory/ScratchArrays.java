package io.sluice.memory;

import java.util.Arrays;

/**
 * Arrays that are used again from batch to batch and replaced by longer ones when a batch needs
 * more. Who holds such an array keeps what these methods give:
 *
 * <pre>values = ScratchArrays.atLeast(values, entries);</pre>
 */
public final class ScratchArrays {
  private ScratchArrays() {}

  /**
   * An array with room for {@code length} values: {@code array} if it is long enough, else a new
   * one of zeros, to which nothing is copied.
   */
  public static float[] atLeast(float[] array, int length) {
    return array.length >= length ? array : new float[length];
  }

  /** As {@link #atLeast(float[], int)}. */
  public static double[] atLeast(double[] array, int length) {
    return array.length >= length ? array : new double[length];
  }

  /** As {@link #atLeast(float[], int)}. */
  public static int[] atLeast(int[] array, int length) {
    return array.length >= length ? array : new int[length];
  }

  /**
   * An array with room for {@code length} values that begins with those of {@code array}: itself if
   * it is long enough, else a copy with zeros after them.
   */
  public static float[] extended(float[] array, int length) {
    return array.length >= length ? array : Arrays.copyOf(array, length);
  }

  /** As {@link #extended(float[], int)}. */
  public static int[] extended(int[] array, int length) {
    return array.length >= length ? array : Arrays.copyOf(array, length);
  }
}
