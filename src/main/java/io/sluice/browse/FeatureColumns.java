package io.sluice.browse;

import io.sluice.features.FeatureFolder;
import io.sluice.features.FeatureTable;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What the list of all features shows, by column.
 *
 * @param density share of tokens on which each fires
 * @param max its largest activation
 * @param similar cosine with the most similar feature; NaN where there is none
 * @param dead whether it is dead
 */
record FeatureColumns(float[] density, float[] max, float[] similar, boolean[] dead) {
  static FeatureColumns of(FeatureFolder folder) {
    FeatureTable table = folder.features();
    int n = table.features();
    float[] similar = new float[n];
    boolean[] dead = new boolean[n];
    for (int i = 0; i < n; i++) {
      similar[i] = table.similar(i)[0] < 0 ? Float.NaN : table.similarCosine(i)[0];
      dead[i] = table.dead(i);
    }
    return new FeatureColumns(table.all("density"), table.all("max"), similar, dead);
  }

  int features() {
    return density.length;
  }

  /** How many are dead. */
  int deadCount() {
    int count = 0;
    for (boolean each : dead) {
      count += each ? 1 : 0;
    }
    return count;
  }

  /** How many fire on no token. */
  int silentCount() {
    int count = 0;
    for (float each : density) {
      count += each == 0 ? 1 : 0;
    }
    return count;
  }

  /**
   * For the page's typed arrays, little-endian: the number of features as uint32; densities, maxima
   * and similarities as float32; three ids of tokens of each feature as int32; a byte for each, 1
   * if it is dead.
   */
  byte[] binary(PeakIndex peaks) {
    int n = features();
    ByteBuffer out =
        ByteBuffer.allocate(Math.addExact(4, Math.multiplyExact(n, 25)))
            .order(ByteOrder.LITTLE_ENDIAN);
    out.putInt(n);
    for (float[] column : new float[][] {density, max, similar}) {
      out.asFloatBuffer().put(column);
      out.position(out.position() + 4 * n);
    }
    for (int i = 0; i < n; i++) {
      for (int label : peaks.labels(i)) {
        out.putInt(label);
      }
    }
    for (boolean each : dead) {
      out.put((byte) (each ? 1 : 0));
    }
    return out.array();
  }
}
