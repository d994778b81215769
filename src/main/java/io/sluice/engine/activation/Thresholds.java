package io.sluice.engine.activation;

import java.util.Arrays;

/**
 * The thresholds above which features are active: one per feature, or one for all. A threshold
 * below 0 has the effect of 0, since values are taken after ReLU. Immutable.
 */
public final class Thresholds {
  /** One number, if it is for all. */
  private final float[] values;

  private final boolean uniform;

  private Thresholds(float[] values, boolean uniform) {
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new IllegalArgumentException(
            "the threshold of feature " + i + " is " + values[i] + "; it must be finite");
      }
    }
    this.values = values;
    this.uniform = uniform;
  }

  /** The same threshold for every feature of any dictionary. */
  public static Thresholds uniform(float threshold) {
    return new Thresholds(new float[] {threshold}, true);
  }

  /**
   * One threshold per feature.
   *
   * @throws IllegalArgumentException if one is not finite
   */
  public static Thresholds of(float... thresholds) {
    return new Thresholds(thresholds.clone(), false);
  }

  /** The threshold of a feature. */
  public float of(int feature) {
    return values[uniform ? 0 : feature];
  }

  /** Whether it is one number for all features. */
  public boolean isUniform() {
    return uniform;
  }

  /**
   * A copy, one number per feature.
   *
   * @throws IllegalArgumentException if these are thresholds of another number of features
   */
  public float[] toArray(int features) {
    requireFit(features);
    if (!uniform) {
      return values.clone();
    }
    float[] copies = new float[features];
    Arrays.fill(copies, values[0]);
    return copies;
  }

  /**
   * Refuses a dictionary of another number of features.
   *
   * @throws IllegalArgumentException with both numbers
   */
  public void requireFit(int features) {
    if (!uniform && values.length != features) {
      throw new IllegalArgumentException(
          "there are %d thresholds, but %d features".formatted(values.length, features));
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Thresholds that
        && uniform == that.uniform
        && Arrays.equals(values, that.values);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(values);
  }

  @Override
  public String toString() {
    return uniform ? Float.toString(values[0]) : values.length + " thresholds";
  }
}
