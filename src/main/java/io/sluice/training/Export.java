package io.sluice.training;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.Site;
import io.sluice.dictionary.SiteScaling;
import io.sluice.engine.Engine;
import io.sluice.engine.SkipConnection;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.training.run.DivergedException;
import io.sluice.training.start.StartingPoint;
import io.sluice.training.start.WhiteningMap;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;

/**
 * Folds the scales and shifts of training into the weights. Training reads {@code s·(x − m)} and
 * writes {@code t·y}, so {@code W_E·s}, {@code b_E − s·W_E·m}, {@code W_D / t} and {@code b_D / t}
 * compute on {@code x} what the trained weights compute on scaled activations, with the same codes.
 * A skip connection {@code K} becomes {@code K·s/t}, and takes {@code K·s·m/t} off the decoder
 * bias.
 */
final class Export {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private Export() {}

  /**
   * The dictionary of the raw activations.
   *
   * @param map what stands before the engine, or null if only scales and shifts do
   * @param arena where its weights are
   */
  static Dictionary dictionary(
      DictionaryConfig config, Engine engine, StartingPoint start, WhiteningMap map, Arena arena) {
    DictionaryParameters parameters = engine.parameters(arena);
    requireFinite("encoder", parameters.encoder());
    requireFinite("encoder bias", parameters.encoderBias());
    requireFinite("decoder", parameters.decoder());
    requireFinite("decoder bias", parameters.decoderBias());
    if (map != null) {
      return ThresholdExport.of(map.fold(config, parameters), engine);
    }
    DictionaryConfig exported = config;
    if (config.sites().size() > 1 && config.scoreByDecoderNorm()) {
      takeNorms(parameters, config.sites());
      exported = config.scoredByValue();
    }
    if (config.activation() instanceof Pursuit pursuit) {
      return pursuing(config, pursuit, parameters, (float) start.inputs().getFirst().scale());
    }
    // The feed multiplies by the float32 nearest to a scale.
    float[] read = perColumn(start.inputs(), config.inputs());
    float[] written = perColumn(start.outputs(), config.outputs());
    float[] shift = start.inputs().getFirst().shiftValues();
    multiply(parameters.encoder(), read);
    subtractShift(parameters, shift);
    divide(parameters.decoder(), written);
    divide(parameters.decoderBias(), written);
    MemorySegment skip =
        SkipConnection.of(engine).map(connection -> connection.skip(Arena.ofAuto())).orElse(null);
    if (skip != null) {
      requireFinite("skip connection", skip);
      multiply(skip, read[0] / written[0]);
      subtractSkipped(parameters, skip, shift);
    }
    return ThresholdExport.of(new Dictionary(exported, parameters, skip), engine);
  }

  /**
   * Gives every feature the length 1 and its code the length it had. Sites have scales of their
   * own, which change the sum of the norms from feature to feature, so raw activations could not be
   * compared by it; scores by value are then what scores by norm were.
   */
  private static void takeNorms(DictionaryParameters p, List<Site> sites) {
    for (long feature = 0; feature < p.features(); feature++) {
      double length = 0;
      long at = feature * p.outputWidth();
      for (Site site : sites) {
        double square = 0;
        for (long end = at + site.width(); at < end; at++) {
          double weight = p.decoder().getAtIndex(FLOAT, at);
          square += weight * weight;
        }
        length += Math.sqrt(square);
      }
      if (length > 0) {
        scaleRow(p.encoder(), feature, p.inputWidth(), length);
        scaleRow(p.encoderBias(), feature, 1, length);
        scaleRow(p.decoder(), feature, p.outputWidth(), 1 / length);
      }
    }
  }

  private static void scaleRow(MemorySegment table, long row, int width, double factor) {
    for (long i = row * width; i < (row + 1) * width; i++) {
      table.setAtIndex(FLOAT, i, (float) (factor * table.getAtIndex(FLOAT, i)));
    }
  }

  /** The scale of each column of one side. */
  private static float[] perColumn(List<SiteScaling> scalings, List<Site> sites) {
    float[] scales = new float[Site.widths(sites)];
    int at = 0;
    for (int i = 0; i < sites.size(); i++) {
      int end = at + sites.get(i).width();
      Arrays.fill(scales, at, end, (float) scalings.get(i).scale());
      at = end;
    }
    return scales;
  }

  private static void multiply(MemorySegment rows, float[] perColumn) {
    for (long at = 0; at < rows.byteSize() / Float.BYTES; at += perColumn.length) {
      for (int column = 0; column < perColumn.length; column++) {
        float value = rows.getAtIndex(FLOAT, at + column);
        rows.setAtIndex(FLOAT, at + column, perColumn[column] * value);
      }
    }
  }

  private static void divide(MemorySegment rows, float[] perColumn) {
    for (long at = 0; at < rows.byteSize() / Float.BYTES; at += perColumn.length) {
      for (int column = 0; column < perColumn.length; column++) {
        float value = rows.getAtIndex(FLOAT, at + column);
        rows.setAtIndex(FLOAT, at + column, (float) (1.0 / perColumn[column] * value));
      }
    }
  }

  /**
   * The rows of matching pursuit are directions of the residual as well, and so keep their lengths;
   * its codes are those of training over the scale.
   */
  private static Dictionary pursuing(
      DictionaryConfig config, Pursuit pursuit, DictionaryParameters parameters, float scale) {
    parameters.encoder().copyFrom(parameters.decoder());
    parameters.encoderBias().fill((byte) 0);
    multiply(parameters.decoderBias(), 1.0 / scale);
    return new Dictionary(
        config.withActivation(new Pursuit(pursuit.iterations(), pursuit.residual() / scale)),
        parameters);
  }

  /** Subtracts the skip connection's output for the shift from the decoder bias. */
  private static void subtractSkipped(DictionaryParameters p, MemorySegment skip, float[] shift) {
    for (int output = 0; output < p.outputWidth(); output++) {
      double product = 0;
      for (int i = 0; i < shift.length; i++) {
        product += (double) shift[i] * skip.getAtIndex(FLOAT, (long) output * shift.length + i);
      }
      p.decoderBias()
          .setAtIndex(FLOAT, output, (float) (p.decoderBias().getAtIndex(FLOAT, output) - product));
    }
  }

  /** Moves the shift of the input into the encoder bias; the encoder is scaled already. */
  private static void subtractShift(DictionaryParameters p, float[] shift) {
    if (shift.length == 0) {
      return;
    }
    for (int feature = 0; feature < p.features(); feature++) {
      double product = 0;
      for (int i = 0; i < shift.length; i++) {
        product +=
            (double) shift[i] * p.encoder().getAtIndex(FLOAT, (long) feature * shift.length + i);
      }
      p.encoderBias()
          .setAtIndex(
              FLOAT, feature, (float) (p.encoderBias().getAtIndex(FLOAT, feature) - product));
    }
  }

  private static void requireFinite(String name, MemorySegment values) {
    for (long i = 0; i < values.byteSize() / Float.BYTES; i++) {
      if (!Float.isFinite(values.getAtIndex(FLOAT, i))) {
        throw new DivergedException(
            "the trained %s holds %s; try a lower learning rate"
                .formatted(name, values.getAtIndex(FLOAT, i)));
      }
    }
  }

  private static void multiply(MemorySegment values, double factor) {
    if (factor == 1) {
      return;
    }
    for (long i = 0; i < values.byteSize() / Float.BYTES; i++) {
      values.setAtIndex(FLOAT, i, (float) (factor * values.getAtIndex(FLOAT, i)));
    }
  }
}
