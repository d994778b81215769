package io.sluice.dictionary.formats;

import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.DictionarySource;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.Gated;
import io.sluice.engine.activation.JumpReLU;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.activation.Thresholds;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.OptionalDouble;

/**
 * Rewrites a dictionary to other conventions. All methods except {@link #withUnitDecoder} keep
 * codes unchanged; that one multiplies each code by the norm of its decoder row and keeps the
 * reconstruction.
 */
final class Conventions {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private Conventions() {}

  /** Reads {@code scale·x} in place of {@code x}; still reconstructs {@code x}. */
  static DictionarySource scaled(DictionarySource dictionary, double scale) {
    DictionaryConfig c = dictionary.config();
    ActivationFunction activation = c.activation();
    MemorySegment decoderBias = times(dictionary.decoderBias(), 1 / scale);
    if (activation instanceof Pursuit(int iterations, double residual)) {
      // The rows are directions of the residual too, so the scale goes into the codes.
      return new DictionarySource(
          c.withActivation(new Pursuit(iterations, residual / scale)),
          dictionary.encoder(),
          dictionary.encoderBias(),
          dictionary.decoder(),
          decoderBias,
          null);
    }
    if (c.scoreByDecoderNorm()) {
      // Norms are smaller by the scale, and so are the scores that thresholds compare with.
      activation = rescaled(activation, 1 / scale, c.features());
    }
    // A skip connection maps scaled inputs to scaled outputs.
    return new DictionarySource(
        c.withActivation(activation),
        dictionary.encoder().then((first, rows) -> multiply(rows, scale)),
        dictionary.encoderBias(),
        dictionary.decoder().then((first, rows) -> multiply(rows, 1 / scale)),
        decoderBias,
        dictionary.skip());
  }

  private static ActivationFunction rescaled(
      ActivationFunction activation, double factor, int features) {
    return switch (activation) {
      case JumpReLU(Thresholds thresholds) -> new JumpReLU(rescaled(thresholds, factor, features));
      case Gated(Thresholds thresholds) -> new Gated(rescaled(thresholds, factor, features));
      case BatchTopK batch when batch.threshold().isPresent() ->
          new BatchTopK(batch.k(), OptionalDouble.of(batch.threshold().getAsDouble() * factor));
      default -> activation;
    };
  }

  private static Thresholds rescaled(Thresholds thresholds, double factor, int features) {
    float[] values = thresholds.toArray(features);
    for (int feature = 0; feature < features; feature++) {
      values[feature] = (float) (values[feature] * factor);
    }
    return Thresholds.of(values);
  }

  /**
   * Makes the encoder subtract the decoder bias from its input, or not: {@code W(x − b_D) + b = W·x
   * + (b − W·b_D)}.
   */
  static DictionarySource subtracting(DictionarySource dictionary, boolean subtract)
      throws IOException {
    DictionaryConfig c = dictionary.config();
    if (c.subtractDecoderBias() == subtract) {
      return dictionary;
    }
    int width = c.inputWidth();
    MemorySegment decoderBias = dictionary.decoderBias();
    MemorySegment encoderBias = copy(dictionary.encoderBias());
    dictionary
        .encoder()
        .forPieces(
            c.features(),
            width,
            (first, rows) -> {
              for (int row = 0; row < rows.byteSize() / Float.BYTES / width; row++) {
                double product = 0;
                for (int i = 0; i < width; i++) {
                  product +=
                      (double) rows.getAtIndex(FLOAT, (long) row * width + i)
                          * decoderBias.getAtIndex(FLOAT, i);
                }
                int feature = first + row;
                double bias = encoderBias.getAtIndex(FLOAT, feature);
                encoderBias.setAtIndex(
                    FLOAT, feature, (float) (subtract ? bias + product : bias - product));
              }
            });
    return new DictionarySource(
        c.subtractingDecoderBias(subtract),
        dictionary.encoder(),
        encoderBias,
        dictionary.decoder(),
        decoderBias,
        dictionary.skip());
  }

  /**
   * Scales every decoder row to length 1 and its encoder row by the length. The order by value is
   * then the former order by decoder norm.
   */
  static DictionarySource withUnitDecoder(DictionarySource dictionary) throws IOException {
    DictionaryConfig c = dictionary.config();
    double[] norms = decoderNorms(dictionary);
    // A decoder row of 0 cannot be scaled; scaling its encoder row to 0 would stop the feature from
    // firing.
    double[] lengths = Arrays.stream(norms).map(norm -> norm == 0 ? 1 : norm).toArray();
    double[] inverse = Arrays.stream(lengths).map(length -> 1 / length).toArray();
    MemorySegment encoderBias = copy(dictionary.encoderBias());
    multiplyRows(encoderBias, 1, 0, lengths);
    return new DictionarySource(
        c.scoredByValue(),
        dictionary
            .encoder()
            .then((first, rows) -> multiplyRows(rows, c.inputWidth(), first, lengths)),
        encoderBias,
        dictionary
            .decoder()
            .then((first, rows) -> multiplyRows(rows, c.outputWidth(), first, inverse)),
        dictionary.decoderBias(),
        dictionary.skip());
  }

  /** Multiplies each decoder row by a factor of its own; codes stay as they are. */
  static DictionarySource withDecoderTimes(DictionarySource dictionary, float[] factors) {
    double[] wide = new double[factors.length];
    Arrays.setAll(wide, feature -> factors[feature]);
    int width = dictionary.config().outputWidth();
    return dictionary.with(
        dictionary.config(),
        dictionary.encoder(),
        dictionary.decoder().then((first, rows) -> multiplyRows(rows, width, first, wide)));
  }

  /**
   * Multiplies the inputs that a dictionary is for by {@code read}, and its outputs by {@code
   * written}, so that it does the same to activations before those factors. Codes stay those of the
   * scaled activations.
   */
  static DictionarySource normalised(DictionarySource dictionary, double read, double written) {
    return new DictionarySource(
        dictionary.config(),
        dictionary.encoder().then((first, rows) -> multiply(rows, read)),
        dictionary.encoderBias(),
        // All norms change by one factor, which does not change an order by norms.
        dictionary.decoder().then((first, rows) -> multiply(rows, 1 / written)),
        times(dictionary.decoderBias(), 1 / written),
        dictionary.skip());
  }

  /**
   * Converts thresholds of {@code f · ‖decoder row‖} to thresholds of values; a dictionary that
   * selects a number of features is returned unchanged.
   */
  static DictionarySource withValueThresholds(DictionarySource dictionary) throws IOException {
    DictionaryConfig c = dictionary.config();
    if (!c.scoreByDecoderNorm()) {
      return dictionary;
    }
    return switch (c.activation()) {
      case ReLU relu -> scoredByValue(dictionary, relu);
      case JumpReLU(Thresholds thresholds) ->
          scoredByValue(dictionary, new JumpReLU(ofValues(dictionary, thresholds)));
      case Gated(Thresholds thresholds) ->
          scoredByValue(dictionary, new Gated(ofValues(dictionary, thresholds)));
      case BatchTopK batch when batch.threshold().isPresent() -> {
        Thresholds thresholds = Thresholds.uniform((float) batch.threshold().getAsDouble());
        yield scoredByValue(dictionary, new JumpReLU(ofValues(dictionary, thresholds)));
      }
      default -> dictionary;
    };
  }

  /** The same weights, with values as scores. */
  private static DictionarySource scoredByValue(
      DictionarySource dictionary, ActivationFunction activation) {
    return dictionary.with(dictionary.config().withActivation(activation).scoredByValue());
  }

  private static Thresholds ofValues(DictionarySource dictionary, Thresholds ofScores)
      throws IOException {
    double[] norms = decoderNorms(dictionary);
    float[] values = ofScores.toArray(norms.length);
    for (int feature = 0; feature < norms.length; feature++) {
      // A feature with a decoder row of 0 is never above a threshold.
      values[feature] =
          norms[feature] == 0
              ? Float.MAX_VALUE
              : (float) Math.min(values[feature] / norms[feature], Float.MAX_VALUE);
    }
    return Thresholds.of(values);
  }

  private static double[] decoderNorms(DictionarySource dictionary) throws IOException {
    int width = dictionary.config().outputWidth();
    double[] norms = new double[dictionary.config().features()];
    dictionary
        .decoder()
        .forPieces(
            norms.length,
            width,
            (first, rows) -> {
              for (int row = 0; row < rows.byteSize() / Float.BYTES / width; row++) {
                double sum = 0;
                for (long i = (long) row * width; i < (long) (row + 1) * width; i++) {
                  double weight = rows.getAtIndex(FLOAT, i);
                  sum += weight * weight;
                }
                norms[first + row] = Math.sqrt(sum);
              }
            });
    return norms;
  }

  /** A copy that may be changed, in memory that lives while it is reachable. */
  private static MemorySegment copy(MemorySegment vector) {
    return Arena.ofAuto().allocate(vector.byteSize(), 64).copyFrom(vector);
  }

  private static void multiplyRows(MemorySegment rows, int width, int first, double[] factors) {
    long rowBytes = (long) width * Float.BYTES;
    for (int row = 0; row < rows.byteSize() / rowBytes; row++) {
      if (factors[first + row] != 1) {
        multiply(rows.asSlice(row * rowBytes, rowBytes), factors[first + row]);
      }
    }
  }

  /** A copy of a vector, multiplied by a factor. */
  static MemorySegment times(MemorySegment vector, double factor) {
    MemorySegment product = copy(vector);
    multiply(product, factor);
    return product;
  }

  /**
   * Multiplies float32 values in place.
   *
   * @throws IllegalArgumentException if a product is beyond float32
   */
  static void multiply(MemorySegment values, double factor) {
    for (long i = 0; i < values.byteSize() / Float.BYTES; i++) {
      float value = values.getAtIndex(FLOAT, i);
      float product = (float) (factor * value);
      if (!Float.isFinite(product)) {
        throw new IllegalArgumentException(
            "the weight %s times %s is beyond float32".formatted(value, factor));
      }
      values.setAtIndex(FLOAT, i, product);
    }
  }
}
