package io.sluice.engine.activation;

import java.util.Arrays;
import java.util.Objects;

/**
 * The positive features of one token, and what a {@link CustomActivation} chooses among them. It is
 * used for one token after the other, by one thread.
 */
public final class ChosenFeatures {
  /** By feature, 0 for what is not positive. */
  private final float[] values;

  private final float[] scores;

  /** The features that are not 0, in the order in which they were added. */
  private final int[] positive;

  private int count;
  private final boolean[] taken;
  private final int[] chosen;

  /** Room for the features of a dictionary. */
  public ChosenFeatures(int features) {
    values = new float[features];
    scores = new float[features];
    positive = new int[features];
    taken = new boolean[features];
    chosen = new int[features];
  }

  /** Forgets the last token. */
  public void clear() {
    for (int i = 0; i < count; i++) {
      values[positive[i]] = 0;
      scores[positive[i]] = 0;
      taken[positive[i]] = false;
    }
    count = 0;
  }

  /** Adds a feature of the token, each at most once, with a positive value. */
  public void add(int feature, float value, float score) {
    positive[count++] = feature;
    values[feature] = value;
    scores[feature] = score;
  }

  /**
   * Lets a function choose. What is not positive, or was chosen before, is left out.
   *
   * @param most the largest number of features; if more are chosen, those with the largest scores
   *     stay
   * @return how many features stay, ascending
   * @throws IllegalStateException if it chose more than its k
   * @throws IndexOutOfBoundsException if it chose an index that is not a feature
   */
  public int choose(CustomActivation activation, int most) {
    int given = Objects.checkIndex(activation.choose(scores, chosen), chosen.length + 1);
    if (activation.k() > 0 && given > activation.k()) {
      throw new IllegalStateException(
          "%s chose %d features, but its k is %d".formatted(activation, given, activation.k()));
    }
    int kept = 0;
    for (int i = 0; i < given; i++) {
      int feature = Objects.checkIndex(chosen[i], values.length);
      if (values[feature] > 0 && !taken[feature]) {
        taken[feature] = true;
        chosen[kept++] = feature;
      }
    }
    Arrays.sort(chosen, 0, kept);
    while (kept > most) {
      dropLeast(kept--);
    }
    return kept;
  }

  /** Drops the feature with the least score; of equal ones the last. */
  private void dropLeast(int kept) {
    int least = 0;
    for (int i = 1; i < kept; i++) {
      if (scores[chosen[i]] <= scores[chosen[least]]) {
        least = i;
      }
    }
    System.arraycopy(chosen, least + 1, chosen, least, kept - least - 1);
  }

  /** Returns one of the chosen features. */
  public int feature(int place) {
    return chosen[place];
  }

  /** Its value. */
  public float value(int place) {
    return values[chosen[place]];
  }
}
