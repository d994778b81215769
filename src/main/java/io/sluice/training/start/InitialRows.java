package io.sluice.training.start;

import io.sluice.dictionary.Initialiser;
import io.sluice.engine.spec.EngineSpec;
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
import java.util.List;
import java.util.stream.IntStream;

/** The rows and biases of new parameters: directions of unit length, and means. */
final class InitialRows {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  /** Another stream than the order of the batches, which follows from the seed itself. */
  private static final long DECODER_SEED = 0x5eed_d1ecL;

  private static final long ENCODER_SEED = 0x5eed_e4c0L;

  private final TrainingConfig config;
  private final InitialDirections directions;

  /** The rows of a run that starts with new parameters. */
  InitialRows(TrainingConfig config) {
    this.config = config;
    this.directions = (InitialDirections) config.start();
  }

  /** Whether directions are drawn in a subspace, which follows from a covariance. */
  boolean needSubspace() {
    return directions instanceof InitialDirections.ActiveSubspace;
  }

  /** Decoder rows, of unit length. */
  Initialiser.UnitRows decoder(Initialiser initialiser) {
    return initialiser.unitRows(config.seed() ^ DECODER_SEED);
  }

  /**
   * Decoder rows of several sites, of unit length at each.
   *
   * @param sites the initialisers of the sites' columns, in order
   * @param stream which of all such draws is that of the first site; the others follow
   * @param later what the rows are multiplied with at all sites but the first
   */
  Initialiser.UnitRows decoder(List<Initialiser> sites, long stream, float later) {
    long seed = (config.seed() ^ DECODER_SEED) + stream;
    List<Initialiser.UnitRows> draws =
        IntStream.range(0, sites.size()).mapToObj(i -> sites.get(i).unitRows(seed + i)).toList();
    int width = sites.stream().mapToInt(Initialiser::width).sum();
    return rows -> {
      long count = rows.byteSize() / ((long) width * Float.BYTES);
      int offset = 0;
      for (int site = 0; site < sites.size(); site++) {
        int columns = sites.get(site).width();
        float factor = site == 0 ? 1 : later;
        try (Arena own = Arena.ofShared()) {
          MemorySegment drawn = own.allocate(count * columns * Float.BYTES, 64);
          draws.get(site).next(drawn);
          for (long row = 0; row < count; row++) {
            for (int i = 0; i < columns; i++) {
              rows.setAtIndex(
                  FLOAT,
                  row * width + offset + i,
                  factor * drawn.getAtIndex(FLOAT, row * columns + i));
            }
          }
        }
        offset += columns;
      }
    };
  }

  /**
   * Draws directions as the run is told to.
   *
   * @param covariance of what the decoder writes; null where no subspace is needed
   */
  Initialiser initialiser(Covariance covariance, int width) {
    return switch (directions) {
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
    return switch (directions) {
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
  void startBias(float[] bias, int offset, double[] mean, double scale) {
    if (config.centre()) {
      for (int i = 0; i < mean.length; i++) {
        bias[offset + i] = (float) (scale * mean[i]);
      }
    }
  }

  /**
   * Encoder rows as the configuration says.
   *
   * @param sample of input and target together
   * @param spec the shape of the dictionary
   * @param width of the target, which the decoder writes in its first columns
   * @param factor from raw activations to what training sees: the target's scale over the input's
   * @param layer of several
   */
  StartingWeights.EncoderRows encoder(
      InitialEncoder start, Sample sample, EngineSpec spec, int width, float factor, int layer) {
    int in = spec.inputWidth();
    int out = spec.outputWidth();
    if (start == InitialEncoder.RANDOM) {
      long seed = (config.seed() ^ ENCODER_SEED) + layer;
      Initialiser.UnitRows random = new Initialiser.RandomDirections(in).unitRows(seed);
      return (decoder, encoder) -> random.next(encoder);
    }
    LinearPrediction prediction =
        start == InitialEncoder.PULL_BACK ? LinearPrediction.of(sample.covariance(), in) : null;
    return (decoder, encoder) ->
        IntStream.range(0, Math.toIntExact(encoder.byteSize() / ((long) in * Float.BYTES)))
            .parallel()
            .forEach(
                place -> {
                  float[] row = new float[width];
                  long from = (long) place * out * Float.BYTES;
                  MemorySegment.copy(decoder, FLOAT, from, row, 0, width);
                  if (prediction != null) {
                    row = prediction.pullBack(row);
                    for (int i = 0; i < in; i++) {
                      row[i] *= factor;
                    }
                  }
                  MemorySegment.copy(row, 0, encoder, FLOAT, (long) place * in * Float.BYTES, in);
                });
  }
}
