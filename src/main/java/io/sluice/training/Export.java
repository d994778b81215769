package io.sluice.training;

import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.DictionarySource;
import io.sluice.dictionary.Site;
import io.sluice.dictionary.WeightRows;
import io.sluice.engine.Engine;
import io.sluice.engine.SkipConnection;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.HugeMemory;
import io.sluice.training.run.DivergedException;
import io.sluice.training.start.Blueprint;
import io.sluice.training.start.ColumnScales;
import io.sluice.training.start.StartingPoint;
import io.sluice.training.start.WhiteningMap;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;

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
   * The dictionary of the raw activations. Its rows are read from the engine, which stays as it is
   * meanwhile.
   *
   * @param map what stands before the engine, or null if only scales and shifts do
   * @throws DivergedException if a weight is not finite
   */
  static DictionarySource dictionary(
      DictionaryConfig config, Engine engine, StartingPoint start, WhiteningMap map)
      throws IOException {
    EngineSpec spec = engine.spec();
    for (StateTensor tensor : engine.state().subList(0, 4)) {
      requireFinite(engine, tensor);
    }
    DictionarySource trained =
        new DictionarySource(
            config,
            rows(engine, engine.state().get(0)),
            copy(engine, engine.state().get(1)),
            rows(engine, engine.state().get(2)),
            copy(engine, engine.state().get(3)),
            null);
    if (map != null) {
      return ThresholdExport.of(map.fold(config, trained), engine);
    }
    if (config.activation() instanceof Pursuit pursuit) {
      return pursuing(trained, pursuit, (float) start.inputs().getFirst().scale());
    }
    if (config.sites().size() > 1 && config.scoreByDecoderNorm()) {
      trained = withoutNorms(trained);
    }
    // The feed multiplies by the float32 nearest to a scale.
    float[] read = ColumnScales.of(start.inputs(), config.inputs());
    float[] written = ColumnScales.of(start.outputs(), config.outputs());
    float[] shift = start.inputs().getFirst().shiftValues();
    WeightRows encoder = trained.encoder().then((first, rows) -> ColumnScales.multiply(rows, read));
    subtractShift(encoder, spec, trained.encoderBias(), shift);
    ColumnScales.divide(trained.decoderBias(), written);
    MemorySegment skip =
        SkipConnection.of(engine).map(connection -> connection.skip(Arena.ofAuto())).orElse(null);
    if (skip != null) {
      requireFinite("skip connection", skip);
      multiply(skip, read[0] / written[0]);
      subtractSkipped(trained.decoderBias(), skip, shift);
    }
    return ThresholdExport.of(
        new DictionarySource(
            trained.config(),
            encoder,
            trained.encoderBias(),
            trained.decoder().then((first, rows) -> ColumnScales.divide(rows, written)),
            trained.decoderBias(),
            skip),
        engine);
  }

  /**
   * The threshold that BatchTopK has found, in the units of the dictionary. Codes are the same on
   * raw activations, but decoder norms shrink by the scale.
   *
   * @param map as for the other method
   */
  static OptionalDouble threshold(
      OptionalDouble found, Blueprint blueprint, StartingPoint start, WhiteningMap map) {
    // Of several sites, norms have become part of the codes.
    return found.isPresent()
            && blueprint.config().scoreByDecoderNorm()
            && blueprint.outputs().size() == 1
        ? OptionalDouble.of(
            found.getAsDouble()
                / (float) (map == null ? start.outputs().getFirst().scale() : start.scale()))
        : found;
  }

  private static WeightRows rows(Engine engine, StateTensor tensor) {
    return (first, rows) -> {
      try (Arena arena = Arena.ofShared()) {
        rows.copyFrom(engine.read(tensor, first, rows.byteSize() / tensor.rowBytes(), arena));
      }
    };
  }

  private static MemorySegment copy(Engine engine, StateTensor tensor) {
    try (Arena arena = Arena.ofShared()) {
      return HugeMemory.allocate(tensor.bytes(), Arena.ofAuto())
          .copyFrom(engine.read(tensor, arena));
    }
  }

  /**
   * Gives every feature the length 1 and its code the length it had. Sites have scales of their
   * own, which change the sum of the norms from feature to feature, so raw activations could not be
   * compared by it; scores by value are then what scores by norm were.
   */
  private static DictionarySource withoutNorms(DictionarySource trained) throws IOException {
    DictionaryConfig config = trained.config();
    int width = config.outputWidth();
    double[] lengths = new double[config.features()];
    trained
        .decoder()
        .forPieces(
            config.features(),
            width,
            (first, rows) -> {
              for (int row = 0; row < rows.byteSize() / Float.BYTES / width; row++) {
                lengths[first + row] = length(rows, (long) row * width, config.sites());
              }
            });
    double[] inverse = Arrays.stream(lengths).map(length -> 1 / length).toArray();
    scaleRows(trained.encoderBias(), 1, 0, lengths, lengths);
    return new DictionarySource(
        config.scoredByValue(),
        trained
            .encoder()
            .then((first, rows) -> scaleRows(rows, config.inputWidth(), first, lengths, lengths)),
        trained.encoderBias(),
        trained.decoder().then((first, rows) -> scaleRows(rows, width, first, lengths, inverse)),
        trained.decoderBias(),
        trained.skip());
  }

  private static double length(MemorySegment rows, long start, List<Site> sites) {
    double length = 0;
    long at = start;
    for (Site site : sites) {
      double square = 0;
      for (long end = at + site.width(); at < end; at++) {
        double weight = rows.getAtIndex(FLOAT, at);
        square += weight * weight;
      }
      length += Math.sqrt(square);
    }
    return length;
  }

  /** Multiplies rows by factors of their features; those of length 0 stay. */
  private static void scaleRows(
      MemorySegment rows, int width, int first, double[] lengths, double[] factors) {
    for (int row = 0; row < rows.byteSize() / Float.BYTES / width; row++) {
      if (lengths[first + row] > 0) {
        for (long i = (long) row * width; i < (long) (row + 1) * width; i++) {
          rows.setAtIndex(FLOAT, i, (float) (factors[first + row] * rows.getAtIndex(FLOAT, i)));
        }
      }
    }
  }

  /**
   * The rows of matching pursuit are directions of the residual as well, and so keep their lengths;
   * its codes are those of training over the scale.
   */
  private static DictionarySource pursuing(DictionarySource trained, Pursuit pursuit, float scale) {
    trained.encoderBias().fill((byte) 0);
    multiply(trained.decoderBias(), 1.0 / scale);
    return new DictionarySource(
        trained
            .config()
            .withActivation(new Pursuit(pursuit.iterations(), pursuit.residual() / scale)),
        trained.decoder(),
        trained.encoderBias(),
        trained.decoder(),
        trained.decoderBias(),
        null);
  }

  /** Subtracts the skip connection's output for the shift from the decoder bias. */
  private static void subtractSkipped(MemorySegment bias, MemorySegment skip, float[] shift) {
    for (int output = 0; output < bias.byteSize() / Float.BYTES; output++) {
      double product = 0;
      for (int i = 0; i < shift.length; i++) {
        product += (double) shift[i] * skip.getAtIndex(FLOAT, (long) output * shift.length + i);
      }
      bias.setAtIndex(FLOAT, output, (float) (bias.getAtIndex(FLOAT, output) - product));
    }
  }

  /** Moves the shift of the input into the encoder bias; the encoder is scaled already. */
  private static void subtractShift(
      WeightRows encoder, EngineSpec spec, MemorySegment bias, float[] shift) throws IOException {
    if (shift.length == 0) {
      return;
    }
    encoder.forPieces(
        spec.features(),
        shift.length,
        (first, rows) -> {
          for (int row = 0; row < rows.byteSize() / Float.BYTES / shift.length; row++) {
            double product = 0;
            for (int i = 0; i < shift.length; i++) {
              product += (double) shift[i] * rows.getAtIndex(FLOAT, (long) row * shift.length + i);
            }
            int feature = first + row;
            bias.setAtIndex(FLOAT, feature, (float) (bias.getAtIndex(FLOAT, feature) - product));
          }
        });
  }

  private static void requireFinite(Engine engine, StateTensor tensor) {
    long most = Math.max(1, WeightRows.PIECE / tensor.rowBytes());
    for (long first = 0; first < tensor.rows(); first += most) {
      try (Arena arena = Arena.ofShared()) {
        requireFinite(
            tensor.name().replace('_', ' '),
            engine.read(tensor, first, Math.min(most, tensor.rows() - first), arena));
      }
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
