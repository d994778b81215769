package io.sluice.training.start;

import io.sluice.dictionary.Initialiser;
import io.sluice.dictionary.NormSearch;
import io.sluice.dictionary.Site;
import io.sluice.dictionary.SiteFeed;
import io.sluice.dictionary.SiteScaling;
import io.sluice.engine.CrossLayerEngine;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.geometry.Covariance;
import io.sluice.geometry.LinearPrediction;
import io.sluice.geometry.Spectrum;
import io.sluice.geometry.Subspace;
import io.sluice.memory.Rows;
import io.sluice.store.ActivationStore;
import io.sluice.training.config.InitialDirections;
import io.sluice.training.config.InitialEncoder;
import io.sluice.training.config.Kind;
import io.sluice.training.config.Remedies;
import io.sluice.training.config.TrainingConfig;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleFunction;
import java.util.stream.IntStream;

/**
 * Makes the engine that training starts from: scale, mean and subspace from a sample of the data,
 * directions from the initialiser, their common length from the norm search.
 */
public final class Preparation {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  /** Rows that the norm search reads; its one number needs no more. */
  private static final int NORM_ROWS = 8192;

  /** Another stream than the order of the batches, which follows from the seed itself. */
  private static final long DECODER_SEED = 0x5eed_d1ecL;

  /** Length of what features write to later layers at the start, of that to their own. */
  private static final float GUESS = 0.1f;

  private static final long ENCODER_SEED = 0x5eed_e4c0L;

  private final ActivationStore store;
  private final Blueprint blueprint;
  private final TrainingConfig config;

  private final SharedSample shared;

  /**
   * A preparation.
   *
   * @param shared where the sample may stand already, or null
   */
  public Preparation(ActivationStore store, Blueprint blueprint, SharedSample shared) {
    this.shared = shared;
    this.store = store;
    this.blueprint = blueprint;
    this.config = blueprint.config();
  }

  /** An engine at its start, what led there, and what stands before it, or null. */
  public record Prepared(Engine engine, StartingPoint start, InputMap map) {}

  public Prepared prepare(EngineFactory engines) throws IOException {
    return switch (config.kind()) {
      case Kind.Autoencoder kind -> autoencoder(engines);
      case Kind.Transcoder kind -> transcoder(engines, kind);
      case Kind.Crosscoder kind -> crosscoder(engines);
      case Kind.CrossLayerTranscoder kind -> crossLayer(engines, kind.encoderStart());
    };
  }

  private Prepared autoencoder(EngineFactory engines) throws IOException {
    String hook = config.hook();
    int width = blueprint.inputWidth();
    boolean mapped = config.remedies().mapInput();
    Sample sample =
        shared == null
            ? sample(hook, width, needsSubspace() || mapped)
            : shared.of(config, () -> sample(hook, width, true));
    double scale = scale(width, sample.meanNorms()[0]);
    Subspace kept = mapped ? kept(sample) : null;
    InputMap map = mapped ? InputMap.of(config.remedies(), kept, scale) : null;
    // A map scales by itself.
    List<SiteScaling> seen = List.of(new SiteScaling(hook, mapped ? 1 : scale, List.of()));
    Blueprint inside = mapped ? blueprint.within(map.inside()) : blueprint;
    Initialiser initialiser =
        mapped
            ? initialiserOfMapped(map.mappedVariances(kept.variances()))
            : initialiser(sample.covariance(), width);
    try (Arena arena = Arena.ofShared()) {
      DictionaryParameters unit = inside.allocate(arena);
      initialiser.drawUnitRows(unit.decoder(), config.features(), config.seed() ^ DECODER_SEED);
      unit.encoder().copyFrom(unit.decoder());
      startBias(unit, 0, mapped ? map.mappedMean() : sample.mean(), mapped ? 1 : scale);
      return finish(
          inside.open(engines, unit),
          unit,
          normSample(arena, seen, seen, map),
          map,
          norm ->
              new StartingPoint(
                  scale,
                  scale * scale * sample.variances()[0],
                  dimensions(initialiser),
                  norm,
                  sample.rows(),
                  mapped ? map.inside() : 0,
                  seen,
                  seen));
    }
  }

  private Sample sample(String hook, int width, boolean covariance) throws IOException {
    return Sample.of(store, config, List.of(hook), new int[] {width}, covariance);
  }

  /** The directions that the engine sees, of those of the whole space. */
  private Subspace kept(Sample sample) throws IOException {
    Remedies remedies = config.remedies();
    int dimensions = remedies.constrain() ? remedies.dimensions() : blueprint.inputWidth();
    if (!(sample.variances()[0] > 0)) {
      throw new IOException(
          store.folder() + ": column '" + config.hook() + "' holds nothing that varies");
    }
    if (dimensions == 0) {
      dimensions = Spectrum.of(sample.covariance()).intrinsicDimension(remedies.tau());
    }
    return Subspace.topDirections(sample.covariance(), dimensions);
  }

  private Prepared transcoder(EngineFactory engines, Kind.Transcoder kind) throws IOException {
    int in = blueprint.inputWidth();
    int out = blueprint.outputWidth();
    boolean pullBack = kind.encoderStart() == InitialEncoder.PULL_BACK;
    Sample sample =
        Sample.of(
            store,
            config,
            List.of(config.hook(), kind.target()),
            new int[] {in, out},
            needsSubspace() || pullBack);
    double[] inputMean = Arrays.copyOf(sample.mean(), in);
    double[] targetMean = Arrays.copyOfRange(sample.mean(), in, in + out);
    double inputScale = scale(in, sample.meanNorms()[0]);
    double targetScale = scale(out, sample.meanNorms()[1]);
    List<SiteScaling> read =
        List.of(
            new SiteScaling(
                config.hook(), inputScale, config.centre() ? boxed(inputMean) : List.of()));
    List<SiteScaling> written = List.of(new SiteScaling(kind.target(), targetScale, List.of()));
    try (Arena arena = Arena.ofShared()) {
      DictionaryParameters unit = blueprint.allocate(arena);
      Initialiser initialiser =
          initialiser(needsSubspace() ? sample.covariance().columns(in, in + out) : null, out);
      initialiser.drawUnitRows(unit.decoder(), config.features(), config.seed() ^ DECODER_SEED);
      startEncoder(kind.encoderStart(), sample, unit, out, (float) (targetScale / inputScale), 0);
      startBias(unit, 0, targetMean, targetScale);
      return finish(
          blueprint.open(engines, unit),
          unit,
          normSample(arena, read, written, null),
          null,
          norm ->
              new StartingPoint(
                  inputScale,
                  targetScale * targetScale * sample.variances()[1],
                  dimensions(initialiser),
                  norm,
                  sample.rows(),
                  0,
                  read,
                  written));
    }
  }

  /** Each site has a scale, a mean and a subspace of its own; features are tied. */
  private Prepared crosscoder(EngineFactory engines) throws IOException {
    List<SiteScaling> seen = new ArrayList<>();
    double variance = 0;
    int dimensions = 0;
    long rows = 0;
    try (Arena arena = Arena.ofShared()) {
      DictionaryParameters unit = blueprint.allocate(arena);
      int offset = 0;
      for (int i = 0; i < blueprint.inputs().size(); i++) {
        Site site = blueprint.inputs().get(i);
        Sample sample = sample(site.hook(), site.width(), needsSubspace());
        double scale = scale(site.width(), sample.meanNorms()[0]);
        seen.add(new SiteScaling(site.hook(), scale, List.of()));
        variance += scale * scale * sample.variances()[0];
        rows = sample.rows();
        Initialiser initialiser = initialiser(sample.covariance(), site.width());
        dimensions += dimensions(initialiser);
        drawColumns(initialiser, unit, offset, (config.seed() ^ DECODER_SEED) + i);
        startBias(unit, offset, sample.mean(), scale);
        offset += site.width();
      }
      unit.encoder().copyFrom(unit.decoder());
      double total = variance;
      int allDimensions = dimensions;
      long sampleRows = rows;
      double scale = seen.getFirst().scale();
      return finish(
          blueprint.open(engines, unit),
          unit,
          normSample(arena, seen, seen, null),
          null,
          norm -> new StartingPoint(scale, total, allDimensions, norm, sampleRows, 0, seen, seen));
    }
  }

  /**
   * Every output has a scale, a mean and a subspace of its own. A layer's encoder starts by its own
   * output, which follows from its input the most; what its features write to later ones is a guess
   * at first, in their subspaces, and short.
   */
  private Prepared crossLayer(EngineFactory engines, InitialEncoder encoderStart)
      throws IOException {
    List<SiteScaling> read = new ArrayList<>();
    List<SiteScaling> written = new ArrayList<>();
    List<Sample> samples = new ArrayList<>();
    List<Initialiser> initialisers = new ArrayList<>();
    double variance = 0;
    int dimensions = 0;
    boolean covariance = needsSubspace() || encoderStart == InitialEncoder.PULL_BACK;
    int layers = blueprint.inputs().size();
    for (int layer = 0; layer < layers; layer++) {
      Site input = blueprint.inputs().get(layer);
      Site output = blueprint.outputs().get(layer);
      int in = input.width();
      int out = output.width();
      List<String> hooks = List.of(input.hook(), output.hook());
      Sample sample = Sample.of(store, config, hooks, new int[] {in, out}, covariance);
      double[] mean = Arrays.copyOf(sample.mean(), in);
      double scale = scale(out, sample.meanNorms()[1]);
      read.add(
          new SiteScaling(
              input.hook(),
              scale(in, sample.meanNorms()[0]),
              config.centre() ? boxed(mean) : List.of()));
      written.add(new SiteScaling(output.hook(), scale, List.of()));
      variance += scale * scale * sample.variances()[1];
      Initialiser initialiser =
          initialiser(needsSubspace() ? sample.covariance().columns(in, in + out) : null, out);
      dimensions += dimensions(initialiser);
      samples.add(sample);
      initialisers.add(initialiser);
    }
    double total = variance;
    int allDimensions = dimensions;
    try (Arena arena = Arena.ofShared()) {
      List<DictionaryParameters> units = new ArrayList<>();
      for (int layer = 0; layer < layers; layer++) {
        DictionaryParameters unit = blueprint.layers().get(layer).allocate(arena);
        int offset = 0;
        for (int output = layer; output < layers; output++) {
          long seed = (config.seed() ^ DECODER_SEED) + (long) layer * layers + output;
          drawColumns(initialisers.get(output), unit, offset, seed);
          if (output > layer) {
            shorten(unit, offset, initialisers.get(output).width());
          }
          if (layer == 0) {
            double[] mean = samples.get(output).mean();
            int in = blueprint.inputs().get(output).width();
            startBias(
                unit,
                offset,
                Arrays.copyOfRange(mean, in, mean.length),
                written.get(output).scale());
          }
          offset += initialisers.get(output).width();
        }
        float factor = (float) (written.get(layer).scale() / read.get(layer).scale());
        int width = initialisers.get(layer).width();
        startEncoder(encoderStart, samples.get(layer), unit, width, factor, layer);
        units.add(unit);
      }
      CrossLayerEngine engine = (CrossLayerEngine) blueprint.openLayers(engines, units);
      return finish(
          engine,
          engine.layers(),
          units,
          normSample(arena, read, written, null),
          null,
          norm ->
              new StartingPoint(
                  read.getFirst().scale(),
                  total,
                  allDimensions,
                  norm,
                  samples.getFirst().rows(),
                  0,
                  read,
                  written));
    }
  }

  private static void shorten(DictionaryParameters unit, int offset, int width) {
    for (long feature = 0; feature < unit.features(); feature++) {
      long first = feature * unit.outputWidth() + offset;
      for (long i = first; i < first + width; i++) {
        unit.decoder().setAtIndex(FLOAT, i, GUESS * unit.decoder().getAtIndex(FLOAT, i));
      }
    }
  }

  /** Draws what decoder rows have in the columns of one site, of unit length there. */
  private static void drawColumns(
      Initialiser initialiser, DictionaryParameters unit, int offset, long seed) {
    int width = initialiser.width();
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

  private boolean needsSubspace() {
    return config.start() instanceof InitialDirections.ActiveSubspace;
  }

  /** Brings the mean norm to {@code sqrt(d)}. */
  private double scale(int width, double meanNorm) {
    return config.normalise() ? Math.sqrt(width) / meanNorm : 1;
  }

  private Initialiser initialiser(Covariance covariance, int width) {
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
  private Initialiser initialiserOfMapped(double[] variances) {
    int width = variances.length;
    return switch (config.start()) {
      case InitialDirections.Random random -> new Initialiser.RandomDirections(width);
      case InitialDirections.ActiveSubspace active -> {
        int dimensions = active.dimensions();
        if (dimensions > width) {
          throw new IllegalArgumentException(
              "d_init is %d, but training sees only %d dimensions of '%s'; give less"
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

  private static int dimensions(Initialiser initialiser) {
    return initialiser instanceof Initialiser.ActiveSubspace active ? active.dimensions() : 0;
  }

  /** Lets the decoder bias start at the mean, as training sees it, where that is asked for. */
  private void startBias(DictionaryParameters unit, int offset, double[] mean, double scale) {
    if (config.centre()) {
      for (int i = 0; i < mean.length; i++) {
        unit.decoderBias().setAtIndex(FLOAT, offset + i, (float) (scale * mean[i]));
      }
    }
  }

  /**
   * Lets encoder rows start where they are asked to.
   *
   * @param sample of input and target together
   * @param width of the target, which the decoder writes in its first columns
   * @param factor from raw activations to what training sees: the target's scale over the input's
   * @param layer of several
   */
  private void startEncoder(
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

  /** Finds the rows' length and gives it to the engine; closes the engine if that fails. */
  private Prepared finish(
      Engine engine,
      DictionaryParameters unit,
      List<SiteFeed.Pair> normSample,
      InputMap map,
      DoubleFunction<StartingPoint> start) {
    return finish(engine, List.of(engine), List.of(unit), normSample, map, start);
  }

  /** As the other, of an engine of several parts. */
  private Prepared finish(
      Engine engine,
      List<Engine> parts,
      List<DictionaryParameters> units,
      List<SiteFeed.Pair> normSample,
      InputMap map,
      DoubleFunction<StartingPoint> start) {
    try {
      // The rows of matching pursuit are directions, of length 1.
      double norm =
          config.sparsity().activation() instanceof Pursuit || !config.normSearch()
              ? 1
              : NormSearch.bestNorm(engine, normSample, config.sparsity().startingActivation());
      for (int i = 0; i < parts.size(); i++) {
        Engine part = parts.get(i);
        DictionaryParameters unit = units.get(i);
        multiply(unit.encoder(), (float) norm);
        multiply(unit.decoder(), (float) norm);
        part.write(part.state().get(0), unit.encoder());
        part.write(part.state().get(2), unit.decoder());
      }
      InitialThresholds.set(engine, config.sparsity(), normSample);
      return new Prepared(engine, start.apply(norm), map);
    } catch (RuntimeException e) {
      engine.close();
      throw e;
    }
  }

  private List<SiteFeed.Pair> normSample(
      Arena arena, List<SiteScaling> read, List<SiteScaling> written, InputMap map)
      throws IOException {
    SiteFeed feed = Sample.feed(store, config, read, written);
    List<SiteFeed.Pair> copies = new ArrayList<>();
    long wanted = Math.min(NORM_ROWS, feed.rows());
    for (long count = 0; count < wanted; ) {
      SiteFeed.Pair pair = feed.next();
      Rows input = copy(arena, map == null ? pair.input() : map.apply(pair.input()));
      copies.add(
          new SiteFeed.Pair(
              input, pair.target() == pair.input() ? input : copy(arena, pair.target())));
      count += input.count();
    }
    return copies;
  }

  private static Rows copy(Arena arena, Rows rows) {
    long bytes = (long) rows.count() * rows.width() * rows.dtype().bytes();
    MemorySegment copy = arena.allocate(bytes, 64);
    copy.copyFrom(rows.memory().asSlice(0, bytes));
    return new Rows(copy, rows.dtype(), rows.count(), rows.width(), rows.scale());
  }

  private static List<Double> boxed(double[] values) {
    return Arrays.stream(values).boxed().toList();
  }

  private static void multiply(MemorySegment values, float factor) {
    for (long i = 0; i < values.byteSize() / Float.BYTES; i++) {
      values.setAtIndex(FLOAT, i, factor * values.getAtIndex(FLOAT, i));
    }
  }
}
