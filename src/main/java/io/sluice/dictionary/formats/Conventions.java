package io.sluice.dictionary.formats;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.Gated;
import io.sluice.engine.activation.JumpReLU;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.activation.Thresholds;
import io.sluice.engine.spec.DictionaryParameters;
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
  static Dictionary scaled(Dictionary dictionary, double scale) {
    DictionaryParameters p = copy(dictionary.parameters());
    ActivationFunction activation = dictionary.config().activation();
    multiply(p.decoderBias(), 1 / scale);
    if (activation instanceof Pursuit(int iterations, double residual)) {
      // The rows are directions of the residual too, so the scale goes into the codes.
      return new Dictionary(
          dictionary.config().withActivation(new Pursuit(iterations, residual / scale)), p);
    }
    multiply(p.encoder(), scale);
    multiply(p.decoder(), 1 / scale);
    if (dictionary.config().scoreByDecoderNorm()) {
      // Norms are smaller by the scale, and so are the scores that thresholds compare with.
      activation = rescaled(activation, 1 / scale, p.features());
    }
    // A skip connection maps scaled inputs to scaled outputs.
    return new Dictionary(dictionary.config().withActivation(activation), p, dictionary.skip());
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
  static Dictionary subtracting(Dictionary dictionary, boolean subtract) {
    DictionaryConfig c = dictionary.config();
    if (c.subtractDecoderBias() == subtract) {
      return dictionary;
    }
    DictionaryParameters p = copy(dictionary.parameters());
    int width = c.inputWidth();
    for (long feature = 0; feature < c.features(); feature++) {
      double product = 0;
      for (int i = 0; i < width; i++) {
        product +=
            (double) p.encoder().getAtIndex(FLOAT, feature * width + i)
                * p.decoderBias().getAtIndex(FLOAT, i);
      }
      double bias = p.encoderBias().getAtIndex(FLOAT, feature);
      p.encoderBias()
          .setAtIndex(FLOAT, feature, (float) (subtract ? bias + product : bias - product));
    }
    return new Dictionary(c.subtractingDecoderBias(subtract), p, dictionary.skip());
  }

  /**
   * Scales every decoder row to length 1 and its encoder row by the length. The order by value is
   * then the former order by decoder norm.
   */
  static Dictionary withUnitDecoder(Dictionary dictionary) {
    DictionaryConfig c = dictionary.config();
    DictionaryParameters p = copy(dictionary.parameters());
    double[] norms = decoderNorms(p);
    for (int feature = 0; feature < c.features(); feature++) {
      if (norms[feature] == 0) {
        // A decoder row of 0 cannot be scaled; scaling its encoder row to 0 would stop the feature
        // from firing.
        continue;
      }
      multiply(row(p.encoder(), feature, c.inputWidth()), norms[feature]);
      multiply(row(p.encoderBias(), feature, 1), norms[feature]);
      multiply(row(p.decoder(), feature, c.outputWidth()), 1 / norms[feature]);
    }
    return new Dictionary(c.scoredByValue(), p, dictionary.skip());
  }

  /**
   * Converts thresholds of {@code f · ‖decoder row‖} to thresholds of values; a dictionary that
   * selects a number of features is returned unchanged.
   */
  static Dictionary withValueThresholds(Dictionary dictionary) {
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
  private static Dictionary scoredByValue(Dictionary dictionary, ActivationFunction activation) {
    return new Dictionary(
        dictionary.config().withActivation(activation).scoredByValue(),
        dictionary.parameters(),
        dictionary.skip());
  }

  private static Thresholds ofValues(Dictionary dictionary, Thresholds ofScores) {
    double[] norms = decoderNorms(dictionary.parameters());
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

  static double[] decoderNorms(DictionaryParameters p) {
    double[] norms = new double[p.features()];
    Arrays.setAll(
        norms,
        feature -> {
          double sum = 0;
          for (long i = 0; i < p.outputWidth(); i++) {
            double weight = p.decoder().getAtIndex(FLOAT, (long) feature * p.outputWidth() + i);
            sum += weight * weight;
          }
          return Math.sqrt(sum);
        });
    return norms;
  }

  /** A mutable copy, in memory that lives while it is reachable. */
  private static DictionaryParameters copy(DictionaryParameters p) {
    DictionaryParameters copy =
        DictionaryParameters.allocate(
            Arena.ofAuto(), p.inputWidth(), p.outputWidth(), p.features());
    copy.encoder().copyFrom(p.encoder());
    copy.encoderBias().copyFrom(p.encoderBias());
    copy.decoder().copyFrom(p.decoder());
    copy.decoderBias().copyFrom(p.decoderBias());
    return copy;
  }

  private static MemorySegment row(MemorySegment table, long row, long width) {
    return table.asSlice(row * width * Float.BYTES, width * Float.BYTES);
  }

  private static void multiply(MemorySegment values, double factor) {
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
