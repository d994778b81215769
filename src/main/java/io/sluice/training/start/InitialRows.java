package io.sluice.training.start;

import io.sluice.dictionary.Initialiser;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.geometry.Covariance;
import io.sluice.geometry.LinearPrediction;
import io.sluice.geometry.Spectrum;
import io.sluice.geometry.Subspace;
import io.sluice.training.config.InitialDirections;
import io.sluice.training.config.InitialEncoder;
import io.sluice.training.config.TrainingConfig;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.IntStream;

/** The rows and biases of new parameters: directions of unit length, and means. */
final class InitialRows {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  /** Another stream than the order of the batches, which follows from the seed itself. */
  private static final long DECODER_SEED = 0x5eed_d1ecL;

  private static final long ENCODER_SEED = 0x5eed_e4c0L;

  private final TrainingConfig config;

  InitialRows(TrainingConfig config) {
    this.config = config;
  }

  /** Whether directions are drawn in a subspace, which follows from a covariance. */
  boolean needSubspace() {
    return config.start() instanceof InitialDirections.ActiveSubspace;
  }

  /** Draws decoder rows, of unit length. */
  void drawDecoder(Initialiser initialiser, DictionaryParameters unit) {
    initialiser.drawUnitRows(unit.decoder(), config.features(), config.seed() ^ DECODER_SEED);
  }

  /**
   * Draws what decoder rows have in the columns of one site, of unit length there.
   *
   * @param stream which of several such draws
   */
  void drawColumns(Initialiser initialiser, DictionaryParameters unit, int offset, long stream) {
    int width = initialiser.width();
    long seed = (config.seed() ^ DECODER_SEED) + stream;
    try (Arena own = Arena.ofShared()) {
      MemorySegment rows = own.allocate((long) unit.features() * width * Float.BYTES, 64);
      initialiser.drawUnitRows(rows, unit.features(), seed);
      for (long feature = 0; feature < unit.features(); feature++) {
        MemorySegment.copy(
            rows,
            feature * width * Float.BYTES,
            unit.decoder(),
            (feature * unit.outputWidth() + offset) * Float.BYTES,
            (long) width * Float.BYTES);
      }
    }
  }

  /**
   * Draws directions as the run is told to.
   *
   * @param covariance of what the decoder writes; null where no subspace is needed
   */
  Initialiser initialiser(Covariance covariance, int width) {
    return switch (config.start()) {
      case InitialDirections.Random random -> new Initialiser.RandomDirections(width);
      case InitialDirections.ActiveSubspace active -> {
        int dimensions = active.dimensions();
        if (dimensions == 0) {
          dimensions = Spectrum.of(covariance).intrinsicDimension(active.tau());
        }
        Subspace subspace = Subspace.topDirections(covariance, dimensions);
        yield new Initialiser.ActiveSubspace(subspace.basis(), dimensions, width);
      }
    };
  }

  /**
   * Directions of what a map gives: its axes are principal directions already.
   *
   * @param variances along each axis
   */
  Initialiser initialiserOfMapped(double[] variances) {
    int width = variances.length;
    return switch (config.start()) {
      case InitialDirections.Random random -> new Initialiser.RandomDirections(width);
      case InitialDirections.ActiveSubspace active -> {
        int dimensions = active.dimensions();
        if (dimensions > width) {
          throw new IllegalArgumentException(
              "d_init is %d, but training sees only %d dimensions of '%s'; give a smaller one"
                  .formatted(dimensions, width, config.hook()));
        }
        if (dimensions == 0) {
          dimensions = Spectrum.ofEigenvalues(variances).intrinsicDimension(active.tau());
        }
        float[] axes = new float[dimensions * width];
        for (int i = 0; i < dimensions; i++) {
          axes[i * width + i] = 1;
        }
        yield new Initialiser.ActiveSubspace(axes, dimensions, width);
      }
    };
  }

  /** Dimensions of the active subspace that rows are drawn in; 0 where there is none. */
  static int dimensions(Initialiser initialiser) {
    return initialiser instanceof Initialiser.ActiveSubspace active ? active.dimensions() : 0;
  }

  /** Sets the decoder bias to the mean of the scaled activations, if the configuration says so. */
  void startBias(DictionaryParameters unit, int offset, double[] mean, double scale) {
    if (config.centre()) {
      for (int i = 0; i < mean.length; i++) {
        unit.decoderBias().setAtIndex(FLOAT, offset + i, (float) (scale * mean[i]));
      }
    }
  }

  /**
   * Initialises encoder rows as the configuration says.
   *
   * @param sample of input and target together
   * @param width of the target, which the decoder writes in its first columns
   * @param factor from raw activations to what training sees: the target's scale over the input's
   * @param layer of several
   */
  void startEncoder(
      InitialEncoder start,
      Sample sample,
      DictionaryParameters unit,
      int width,
      float factor,
      int layer) {
    int in = unit.inputWidth();
    LinearPrediction prediction =
        start == InitialEncoder.PULL_BACK ? LinearPrediction.of(sample.covariance(), in) : null;
    if (start == InitialEncoder.RANDOM) {
      long seed = (config.seed() ^ ENCODER_SEED) + layer;
      new Initialiser.RandomDirections(in).drawUnitRows(unit.encoder(), config.features(), seed);
      return;
    }
    IntStream.range(0, unit.features())
        .parallel()
        .forEach(
            feature -> {
              float[] row = new float[width];
              long from = (long) feature * unit.outputWidth() * Float.BYTES;
              MemorySegment.copy(unit.decoder(), FLOAT, from, row, 0, width);
              if (prediction != null) {
                row = prediction.pullBack(row);
                for (int i = 0; i < in; i++) {
                  row[i] *= factor;
                }
              }
              MemorySegment.copy(
                  row, 0, unit.encoder(), FLOAT, (long) feature * in * Float.BYTES, in);
            });
  }
}
