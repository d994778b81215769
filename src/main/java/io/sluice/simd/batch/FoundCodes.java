package io.sluice.simd.batch;

import io.sluice.memory.ScratchArrays;
import java.util.Arrays;

/**
 * The codes that one task of a threshold pass found: tokens, features and values, in the order in
 * which tiles were computed, and sorted by token at the end. Reused from batch to batch.
 */
abstract class FoundCodes {
  private int size;
  private int[] tokens = new int[0];
  private int[] features = new int[0];
  private float[] values = new float[0];
  private float[] scores = new float[0];

  /** Where each token's entries begin once they are {@linkplain #sort sorted}. */
  private int[] starts = new int[1];

  private int[] order = new int[0];

  /** The threshold of a feature's score; called once for each tile of features. */
  abstract float threshold(int feature);

  void clear() {
    size = 0;
  }

  void add(int token, int feature, float value, float score) {
    if (size == tokens.length) {
      int room = Math.max(1024, size + 1);
      tokens = ScratchArrays.extended(tokens, room);
      features = ScratchArrays.extended(features, room);
      values = ScratchArrays.extended(values, room);
      scores = ScratchArrays.extended(scores, room);
    }
    tokens[size] = token;
    features[size] = feature;
    values[size] = value;
    scores[size++] = score;
  }

  int size() {
    return size;
  }

  float score(int entry) {
    return scores[entry];
  }

  /** Drops the entries whose score is not above {@code least}; the others keep their order. */
  void keepAbove(float least) {
    int kept = 0;
    for (int i = 0; i < size; i++) {
      if (scores[i] > least) {
        tokens[kept] = tokens[i];
        features[kept] = features[i];
        values[kept] = values[i];
        scores[kept++] = scores[i];
      }
    }
    size = kept;
  }

  /**
   * After {@link #sort}: keeps the scores above {@code least} and the first {@code equal} that
   * equal it; sort again before the order is used.
   *
   * @return how many equal ones may still be kept
   */
  int keepSorted(int tokenCount, float least, int equal) {
    int left = equal;
    for (int place = 0; place < starts[tokenCount]; place++) {
      int entry = order[place];
      if (scores[entry] == least && left-- <= 0) {
        scores[entry] = Float.NEGATIVE_INFINITY;
      }
    }
    keepAbove(Math.nextDown(least));
    return Math.max(0, left);
  }

  /** Finds the order by token; a token's features stay ascending, as tiles come in that order. */
  void sort(int tokenCount) {
    starts = ScratchArrays.atLeast(starts, tokenCount + 1);
    order = ScratchArrays.atLeast(order, size);
    Arrays.fill(starts, 0, tokenCount + 1, 0);
    for (int i = 0; i < size; i++) {
      starts[tokens[i] + 1]++;
    }
    for (int token = 0; token < tokenCount; token++) {
      starts[token + 1] += starts[token];
    }
    for (int i = 0; i < size; i++) {
      order[starts[tokens[i]]++] = i;
    }
    System.arraycopy(starts, 0, starts, 1, tokenCount);
    starts[0] = 0;
  }

  /** After {@link #sort}: where token {@code token}'s places begin. */
  int start(int token) {
    return starts[token];
  }

  /** After {@link #sort}: the entry at a place. */
  int entry(int place) {
    return order[place];
  }

  int feature(int entry) {
    return features[entry];
  }

  float value(int entry) {
    return values[entry];
  }
}
