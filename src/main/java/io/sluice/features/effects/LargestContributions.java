package io.sluice.features.effects;

import java.util.Arrays;

/** Keeps the largest of many contributions by absolute value, in bounded memory. */
final class LargestContributions {
  private final int most;
  private final float[] values;
  private final int[] indices;
  private int count;

  /**
   * Room for some.
   *
   * @param most how many are kept
   */
  LargestContributions(int most) {
    this.most = most;
    this.values = new float[most];
    this.indices = new int[most];
  }

  /**
   * Finds the largest of some values that are not 0; of equal ones the first. They come in order of
   * their size.
   *
   * @param from the first value
   * @param to the end, exclusive
   * @return the sum of those that are not among the largest
   */
  double find(float[] all, int from, int to) {
    count = 0;
    double rest = 0;
    for (int i = from; i < to; i++) {
      float value = all[i];
      float size = Math.abs(value);
      if (size == 0) {
        continue;
      }
      if (count == most) {
        if (!(size > Math.abs(values[most - 1]))) {
          rest += value;
          continue;
        }
        rest += values[most - 1];
        count--;
      }
      insert(value, size, i - from);
    }
    return rest;
  }

  private void insert(float value, float size, int index) {
    int low = 0;
    int high = count;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (Math.abs(values[middle]) >= size) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    System.arraycopy(values, low, values, low + 1, count - low);
    System.arraycopy(indices, low, indices, low + 1, count - low);
    values[low] = value;
    indices[low] = index;
    count++;
  }

  /** How many were found. */
  int count() {
    return count;
  }

  /** Their values, the largest first. */
  float[] values() {
    return Arrays.copyOf(values, count);
  }

  /** Where they are, counted from the first value. */
  int index(int rank) {
    return indices[rank];
  }
}
