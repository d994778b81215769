package io.sluice.simd.batch;

/** The k-th largest of some numbers in linear time. */
public final class Quickselect {
  private Quickselect() {}

  /**
   * The {@code k}-th largest of the first {@code count} values, counted from 1.
   *
   * @param values reordered
   * @throws IndexOutOfBoundsException if {@code k} does not lie between 1 and {@code count}
   */
  public static float largest(float[] values, int count, int k) {
    int target = java.util.Objects.checkIndex(k - 1, count);
    int low = 0;
    int high = count - 1;
    while (low < high) {
      float pivot = values[(low + high) >>> 1];
      int i = low;
      int j = high;
      while (i <= j) {
        while (values[i] > pivot) {
          i++;
        }
        while (values[j] < pivot) {
          j--;
        }
        if (i <= j) {
          float swap = values[i];
          values[i++] = values[j];
          values[j--] = swap;
        }
      }
      if (target <= j) {
        high = j;
      } else if (target >= i) {
        low = i;
      } else {
        return values[target];
      }
    }
    return values[target];
  }
}
