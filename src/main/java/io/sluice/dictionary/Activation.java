package io.sluice.dictionary;

import io.sluice.engine.Selection;
import io.sluice.engine.Thresholds;
import java.util.Objects;
import java.util.OptionalDouble;

/**
 * The activation function of a dictionary: from pre-activations to a sparse code. It is applied
 * after ReLU, except for {@link AbsTopK} and {@link Pursuit}. If the dictionary's score includes
 * the decoder norm, features are ordered by, and thresholds compared with, {@code f · ‖decoder
 * row‖}.
 */
public sealed interface Activation {

  /** The engine's selection that computes this activation. */
  Selection selection();

  /** The name in files. */
  String type();

  /**
   * ReLU, then the {@code k} largest features of each token.
   *
   * @param k features per token, at least 1
   */
  record TopK(int k) implements Activation {
    /** The name in files. */
    public static final String TYPE = "topk";

    public TopK {
      requirePositive(k);
    }

    @Override
    public Selection selection() {
      return new Selection.TopK(k);
    }

    @Override
    public String type() {
      return TYPE;
    }
  }

  /**
   * The {@code k} features of each token furthest from 0, with their signs and no ReLU (arXiv
   * 2510.00404).
   *
   * @param k features per token, at least 1
   */
  record AbsTopK(int k) implements Activation {
    /** The name in files. */
    public static final String TYPE = "abstopk";

    public AbsTopK {
      requirePositive(k);
    }

    @Override
    public Selection selection() {
      return new Selection.AbsTopK(k);
    }

    @Override
    public String type() {
      return TYPE;
    }
  }

  /**
   * Trained with the {@code k·n} largest features of each batch of {@code n} tokens (arXiv
   * 2412.06410). In use, a code must not depend on the batch, so a running threshold from training
   * replaces the selection over the batch.
   *
   * @param k features per token on average, at least 1
   * @param threshold the threshold for a feature; if absent, features are selected over batches
   */
  record BatchTopK(int k, OptionalDouble threshold) implements Activation {
    /** The name in files. */
    public static final String TYPE = "batchtopk";

    public BatchTopK {
      requirePositive(k);
      if (threshold.isPresent() && !(threshold.getAsDouble() >= 0)) {
        throw new IllegalArgumentException(
            "a threshold must not be negative: " + threshold.getAsDouble());
      }
    }

    @Override
    public Selection selection() {
      return threshold.isPresent()
          ? new Selection.Threshold(Thresholds.uniform((float) threshold.getAsDouble()))
          : new Selection.BatchTopK(k);
    }

    @Override
    public String type() {
      return TYPE;
    }
  }

  /** Every feature that is positive. */
  record ReLU() implements Activation {
    /** The name in files. */
    public static final String TYPE = "relu";

    @Override
    public Selection selection() {
      return new Selection.Threshold(Thresholds.uniform(0));
    }

    @Override
    public String type() {
      return TYPE;
    }
  }

  /**
   * Every feature above its own threshold, with its whole value (arXiv 2407.14435).
   *
   * @param thresholds one per feature
   */
  record JumpReLU(Thresholds thresholds) implements Activation {
    /** The name in files. */
    public static final String TYPE = "jumprelu";

    public JumpReLU {
      Objects.requireNonNull(thresholds, "thresholds");
    }

    @Override
    public Selection selection() {
      return new Selection.Threshold(thresholds);
    }

    @Override
    public String type() {
      return TYPE;
    }
  }

  /**
   * A gate decides whether a feature fires and a magnitude how much (arXiv 2404.16014). Both read
   * the same direction {@code z = ⟨w, x⟩}: the gate opens where {@code z + b_gate > 0}, and the
   * magnitude is {@code ReLU(eʳ·z + b_mag)}. With encoder {@code eʳ·w} and bias {@code b_mag} the
   * gate is equivalent to the threshold {@code b_mag − eʳ·b_gate}, and the activation function to
   * JumpReLU.
   *
   * @param thresholds one per feature
   */
  record Gated(Thresholds thresholds) implements Activation {
    /** The name in files. */
    public static final String TYPE = "gated";

    public Gated {
      Objects.requireNonNull(thresholds, "thresholds");
    }

    @Override
    public Selection selection() {
      return new Selection.Threshold(thresholds);
    }

    @Override
    public String type() {
      return TYPE;
    }
  }

  /**
   * Matching pursuit over the decoder's rows ({@link Selection.Pursuit}, arXiv 2506.03093). Encoder
   * and encoder bias are not used; by convention they are the decoder and zeros.
   *
   * @param iterations the largest number of features per token, at least 1
   * @param residual length of the residual that ends the search, 0 for none
   */
  record Pursuit(int iterations, double residual) implements Activation {
    /** The name in files. */
    public static final String TYPE = "matching_pursuit";

    public Pursuit {
      requirePositive(iterations);
      if (!(residual >= 0) || Double.isInfinite(residual)) {
        throw new IllegalArgumentException("a residual must be at least 0, not " + residual);
      }
    }

    @Override
    public Selection selection() {
      return new Selection.Pursuit(iterations, residual);
    }

    @Override
    public String type() {
      return TYPE;
    }
  }

  /**
   * Refuses a dictionary of {@code features} features that this activation does not fit.
   *
   * @throws IllegalArgumentException with both numbers
   */
  default void requireFit(int features) {
    int k =
        switch (this) {
          case TopK topK -> topK.k;
          case BatchTopK batchTopK -> batchTopK.k;
          case AbsTopK absTopK -> absTopK.k;
          default -> 1;
        };
    if (k > features) {
      throw new IllegalArgumentException(
          "k is " + k + ", but the dictionary has only " + features + " features");
    }
    if (selection() instanceof Selection.Threshold(Thresholds thresholds)) {
      thresholds.requireFit(features);
    }
  }

  private static void requirePositive(int k) {
    if (k < 1) {
      throw new IllegalArgumentException("k must be at least 1, not " + k);
    }
  }
}
