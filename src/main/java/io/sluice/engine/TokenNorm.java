package io.sluice.engine;

import io.sluice.memory.ScratchArrays;
import io.sluice.simd.NonFiniteException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * How each token is normalised by its own values before a dictionary encodes it, as SAELens does
 * ({@code SAE._setup_activation_normalization}) or the TransformerLens that it reads from. It
 * cannot be folded into the weights, as encoding or undoing is a different map for each token. Sums
 * are computed in float64.
 *
 * @param kind the normalisation
 * @param undone whether the decoded output is converted back to the units of the token, as in an
 *     autoencoder. SAELens does not convert the output of transcoders back
 */
public record TokenNorm(Kind kind, boolean undone) {
  /** The number that SAELens adds to the standard deviation. */
  private static final double EPSILON = 1e-5;

  /** What is done to a token {@code x} of {@code d} values. */
  public enum Kind {
    /**
     * {@code (x − mean) / (std + 1e-5)}, where {@code std} has the divisor {@code d − 1}; undone by
     * {@code · std + mean}, without the epsilon.
     */
    LAYER_NORM,

    /** {@code x · √d / ‖x‖}; undone by {@code · ‖x‖ / √d}. */
    CONSTANT_NORM_RESCALE,

    /**
     * {@code x − mean}, the token's own mean over its {@code d} values; undone by {@code + mean}.
     * TransformerLens's {@code center_writing_weights} does it to all that blocks write.
     */
    CENTRED;

    /** Its name in files, which is SAELens's where that has it as a setting of its own. */
    public String label() {
      return name().toLowerCase(Locale.ROOT);
    }

    /** The names of all kinds. */
    public static List<String> labels() {
      return Arrays.stream(values()).map(Kind::label).toList();
    }

    /**
     * The kind of this name.
     *
     * @throws IllegalArgumentException if there is none; the message lists those there are
     */
    public static Kind named(String label) {
      for (Kind kind : values()) {
        if (kind.label().equals(label)) {
          return kind;
        }
      }
      throw new IllegalArgumentException(
          "unknown token norm '" + label + "'; known: " + String.join(", ", labels()));
    }
  }

  /** Two numbers by which a token is brought back: {@code factor · value + shift}. */
  public static final class Undoing {
    private double[] factors = {};
    private double[] shifts = {};

    /** Makes room for the numbers of {@code rows} tokens; those of a batch before are lost. */
    public void prepare(int rows) {
      factors = ScratchArrays.atLeast(factors, rows);
      shifts = ScratchArrays.atLeast(shifts, rows);
    }

    /** A value of a token in its own units. */
    public float undone(int row, float value) {
      return (float) (factors[row] * value + shifts[row]);
    }
  }

  /**
   * Refuses tokens too narrow to have a standard deviation.
   *
   * @throws IllegalArgumentException if they are
   */
  public void requireWidth(int width) {
    if (kind == Kind.LAYER_NORM && width < 2) {
      throw new IllegalArgumentException(
          kind.label() + " needs a width of at least 2, not " + width);
    }
  }

  /**
   * Normalises a token in its place.
   *
   * @param values holds the token's {@code width} values from {@code at} on
   * @param row the token's row, for messages and {@code undoing}
   * @param undoing receives the numbers with which the row is restored; may be null
   * @throws NonFiniteException if a value is not finite
   * @throws IllegalArgumentException if all are 0 where the norm is made constant
   */
  public void apply(float[] values, int at, int width, int row, Undoing undoing) {
    double sum = 0;
    for (int i = at; i < at + width; i++) {
      if (!Float.isFinite(values[i])) {
        throw new NonFiniteException(row, i - at, values[i]);
      }
      sum += values[i];
    }
    double shift = kind == Kind.CONSTANT_NORM_RESCALE ? 0 : sum / width;
    double squares = 0;
    for (int i = at; i < at + width; i++) {
      double centred = values[i] - shift;
      squares += centred * centred;
    }
    double factor =
        switch (kind) {
          case LAYER_NORM -> Math.sqrt(squares / (width - 1));
          case CONSTANT_NORM_RESCALE -> Math.sqrt(squares / width);
          case CENTRED -> 1;
        };
    double divisor = kind == Kind.LAYER_NORM ? factor + EPSILON : factor;
    if (divisor == 0) {
      throw new IllegalArgumentException(
          "row %d of the batch is all zeros and cannot be scaled to a norm (%s)"
              .formatted(row, kind.label()));
    }
    for (int i = at; i < at + width; i++) {
      values[i] = (float) ((values[i] - shift) / divisor);
    }
    if (undoing != null) {
      undoing.factors[row] = factor;
      undoing.shifts[row] = shift;
    }
  }
}
