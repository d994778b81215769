package io.sluice.training;

import io.sluice.dictionary.ActivationFeed;
import io.sluice.dictionary.Initialiser;
import io.sluice.dictionary.NormSearch;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.EngineSpec;
import io.sluice.engine.Parameters;
import io.sluice.engine.Rows;
import io.sluice.geometry.Covariance;
import io.sluice.geometry.CovarianceAccumulator;
import io.sluice.geometry.Spectrum;
import io.sluice.geometry.Subspace;
import io.sluice.store.ActivationStore;
import io.sluice.store.BatchPlan;
import io.sluice.store.Column;
import io.sluice.torch.Device;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;

/**
 * Makes the engine that training starts from: scale, mean and subspace from a sample of the data,
 * directions from the initialiser, their common length from the norm search.
 */
final class Preparation {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final int SAMPLE_BATCH = 1024;

  /** Rows that the norm search reads; its one number needs no more. */
  private static final int NORM_ROWS = 8192;

  private final ActivationStore store;
  private final TrainingConfig config;
  private final Column column;

  Preparation(ActivationStore store, TrainingConfig config) {
    this.store = store;
    this.config = config;
    this.column = ActivationFeed.activations(store, config.hook());
  }

  /** An engine at its start, what led there, and what stands before it, or null. */
  record Prepared(Engine engine, StartingPoint start, InputMap map) {}

  /** What one pass over the sample gives. */
  private record Sample(
      long rows, double meanNorm, double[] mean, double variance, Covariance covariance) {}

  Prepared prepare(EngineFactory engines) throws IOException {
    Sample sample = sample();
    int width = column.width();
    double scale = config.normalise() ? Math.sqrt(width) / sample.meanNorm() : 1;
    if (!(sample.meanNorm() > 0)) {
      throw new IOException(
          store.folder() + ": column '" + column.name() + "' holds nothing but zeros");
    }
    Subspace kept = config.remedies().mapInput() ? kept(sample) : null;
    InputMap map = kept == null ? null : InputMap.of(config.remedies(), kept, scale);
    int inside = map == null ? width : map.inside();
    Initialiser initialiser =
        initialiser(sample, inside, map == null ? null : map.mappedVariances(kept.variances()));
    EngineSpec spec =
        config.dictionary("", inside, OptionalDouble.empty()).spec(config.optimiser());
    try (Arena arena = Arena.ofShared()) {
      Parameters unit = Parameters.allocate(arena, inside, inside, config.features());
      // Another stream than the order of the batches, which follows from the seed itself.
      initialiser.drawUnitRows(unit.decoder(), config.features(), config.seed() ^ 0x5eed_d1ecL);
      unit.encoder().copyFrom(unit.decoder());
      if (config.centre()) {
        double[] mapped = map == null ? null : map.mappedMean();
        for (int i = 0; i < inside; i++) {
          double mean = map == null ? scale * sample.mean()[i] : mapped[i];
          unit.decoderBias().setAtIndex(FLOAT, i, (float) mean);
        }
      }
      Engine engine = engines.open(spec, unit);
      try {
        List<Rows> normSample = normSample(arena, (float) scale, map);
        double norm = NormSearch.bestNorm(engine, normSample, config.selection(1));
        multiply(unit.decoder(), (float) norm);
        engine.write(engine.state().get(0), unit.decoder());
        engine.write(engine.state().get(2), unit.decoder());
        int dimensions =
            initialiser instanceof Initialiser.ActiveSubspace active ? active.dimensions() : 0;
        return new Prepared(
            engine,
            new StartingPoint(
                scale,
                scale * scale * sample.variance(),
                dimensions,
                norm,
                sample.rows(),
                map == null ? 0 : inside),
            map);
      } catch (IOException | RuntimeException e) {
        engine.close();
        throw e;
      }
    }
  }

  /** The directions that the engine sees, of those of the whole space. */
  private Subspace kept(Sample sample) throws IOException {
    Remedies remedies = config.remedies();
    int width = column.width();
    int dimensions = remedies.constrain() ? remedies.dimensions() : width;
    if (!(sample.variance() > 0)) {
      throw new IOException(
          store.folder() + ": column '" + column.name() + "' holds nothing that varies");
    }
    if (dimensions == 0) {
      dimensions = Spectrum.of(sample.covariance()).intrinsicDimension(remedies.tau());
    }
    return Subspace.topDirections(sample.covariance(), dimensions);
  }

  /**
   * Draws directions.
   *
   * @param width of what the engine sees
   * @param variances of what it sees along each axis, if these are principal directions already;
   *     else null
   */
  private Initialiser initialiser(Sample sample, int width, double[] variances) {
    return switch (config.start()) {
      case Start.Random random -> new Initialiser.RandomDirections(width);
      case Start.ActiveSubspace active -> {
        int dimensions = active.dimensions();
        if (dimensions > width) {
          throw new IllegalArgumentException(
              "d_init is %d, but training sees only %d dimensions of '%s'; give less"
                  .formatted(dimensions, width, config.hook()));
        }
        if (dimensions == 0) {
          Spectrum spectrum =
              variances == null
                  ? Spectrum.of(sample.covariance())
                  : Spectrum.ofEigenvalues(variances);
          dimensions = spectrum.intrinsicDimension(active.tau());
        }
        if (variances != null) {
          float[] axes = new float[dimensions * width];
          for (int i = 0; i < dimensions; i++) {
            axes[i * width + i] = 1;
          }
          yield new Initialiser.ActiveSubspace(axes, dimensions, width);
        }
        Subspace subspace = Subspace.topDirections(sample.covariance(), dimensions);
        yield new Initialiser.ActiveSubspace(subspace.basis(), dimensions, width);
      }
    };
  }

  private Sample sample() throws IOException {
    int width = column.width();
    double[] mean = new double[width];
    double norms = 0;
    double squares = 0;
    long count = 0;
    try (CovarianceAccumulator covariance =
        config.start() instanceof Start.ActiveSubspace || config.remedies().mapInput()
            ? CovarianceAccumulator.on(Device.CPU, width)
            : null) {
      ActivationFeed feed = feed(1);
      long wanted = Math.min(config.sampleRows(), feed.rows());
      while (count < wanted) {
        Rows rows = feed.next();
        int take = (int) Math.min(rows.count(), wanted - count);
        for (int row = 0; row < take; row++) {
          double square = 0;
          for (int i = 0; i < width; i++) {
            double value = rows.at(row, i);
            mean[i] += value;
            square += value * value;
          }
          norms += Math.sqrt(square);
          squares += square;
        }
        if (covariance != null) {
          covariance.add(rows.memory(), rows.dtype(), take);
        }
        count += take;
      }
      double meanSquare = 0;
      for (int i = 0; i < width; i++) {
        mean[i] /= count;
        meanSquare += mean[i] * mean[i];
      }
      return new Sample(
          count,
          norms / count,
          mean,
          squares / count - meanSquare,
          covariance == null ? null : covariance.covariance());
    }
  }

  private List<Rows> normSample(Arena arena, float scale, InputMap map) throws IOException {
    ActivationFeed feed = feed(map == null ? scale : 1);
    List<Rows> copies = new ArrayList<>();
    long wanted = Math.min(NORM_ROWS, feed.rows());
    for (long count = 0; count < wanted; ) {
      Rows next = feed.next();
      Rows rows = map == null ? next : map.apply(next);
      long bytes = (long) rows.count() * rows.width() * rows.dtype().bytes();
      MemorySegment copy = arena.allocate(bytes, 64);
      copy.copyFrom(rows.memory().asSlice(0, bytes));
      copies.add(new Rows(copy, rows.dtype(), rows.count(), rows.width(), rows.scale()));
      count += rows.count();
    }
    return copies;
  }

  private ActivationFeed feed(float scale) {
    int size = (int) Math.min(SAMPLE_BATCH, store.rows());
    BatchPlan plan = BatchPlan.shuffled(List.of(config.hook()), size, ~config.dataSeed());
    return new ActivationFeed(store, plan.where(config.rows(store)), scale);
  }

  private static void multiply(MemorySegment values, float factor) {
    for (long i = 0; i < values.byteSize() / Float.BYTES; i++) {
      values.setAtIndex(FLOAT, i, factor * values.getAtIndex(FLOAT, i));
    }
  }
}
