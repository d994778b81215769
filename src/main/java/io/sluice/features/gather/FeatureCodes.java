package io.sluice.features.gather;

/** The codes of consecutive features in memory: for each, its rows in order and its activations. */
final class FeatureCodes {
  private final int firstFeature;
  private final int[] starts;
  private final int[] ends;
  private final int[] rows;
  private final float[] values;

  /**
   * Room for codes.
   *
   * @param counts the codes of each feature
   * @throws IllegalArgumentException if there are more than an array holds
   */
  FeatureCodes(int firstFeature, int[] counts) {
    this.firstFeature = firstFeature;
    this.starts = new int[counts.length];
    this.ends = new int[counts.length];
    long all = 0;
    for (int i = 0; i < counts.length; i++) {
      starts[i] = (int) all;
      ends[i] = (int) all;
      all += Integer.toUnsignedLong(counts[i]);
      if (all > Integer.MAX_VALUE - 8) {
        throw new IllegalArgumentException(
            "feature %d fires on more than %d tokens; gather features of a smaller store"
                .formatted(firstFeature + i, Integer.MAX_VALUE - 8));
      }
    }
    this.rows = new int[(int) all];
    this.values = new float[(int) all];
  }

  /** Adds those of a chunk's codes that belong to these features; chunks come by row. */
  void add(int[] chunk, int ints) {
    for (int at = 0; at < ints; at += 3) {
      int feature = chunk[at] - firstFeature;
      if (feature >= 0 && feature < ends.length) {
        int place = ends[feature]++;
        rows[place] = chunk[at + 1];
        values[place] = Float.intBitsToFloat(chunk[at + 2]);
      }
    }
  }

  /** The first code of a feature. */
  int start(int feature) {
    return starts[feature - firstFeature];
  }

  /** The end of a feature's codes, exclusive. */
  int end(int feature) {
    return ends[feature - firstFeature];
  }

  /** The store's row of a code. */
  long row(int code) {
    return Integer.toUnsignedLong(rows[code]);
  }

  /** The activation of a code. */
  float value(int code) {
    return values[code];
  }

  /** The first code of a feature at a row or after it; the end of its codes if there is none. */
  int at(int feature, long row) {
    int low = start(feature);
    int high = end(feature);
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (row(middle) < row) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}
