package io.sluice.training.start;

import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.DictionarySource;
import io.sluice.dictionary.Site;
import io.sluice.dictionary.SiteFeed;
import io.sluice.dictionary.SiteScaling;
import io.sluice.dictionary.WeightRows;
import io.sluice.engine.CrossLayerEngine;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.SkipConnection;
import io.sluice.engine.activation.Learned;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.activation.Thresholds;
import io.sluice.engine.spec.StateTensor;
import io.sluice.store.ActivationStore;
import io.sluice.training.config.FromDictionary;
import io.sluice.training.config.TrainingConfig;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Fills an engine with the weights of a finished dictionary, of any kind. This undoes what the
 * export does at the end of a run: training reads {@code s·(x − m)} and writes {@code t·y}, so
 * {@code W_E / s}, {@code b_E + W_E·m}, {@code W_D·t} and {@code t·(b_D + K·m)} compute there what
 * the dictionary computes on {@code x}, with the same codes. A skip connection {@code K} becomes
 * {@code K·t/s}. If only one of the dictionary and the training subtracts the decoder bias before
 * the encoder, {@code W_E·b_D} moves into {@code b_E} or out of it.
 */
final class FurtherPreparation {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private final TrainingConfig config;
  private final ActivationStore store;
  private final Blueprint blueprint;
  private final FromDictionary from;

  FurtherPreparation(ActivationStore store, Blueprint blueprint, FromDictionary from) {
    this.config = blueprint.config();
    this.store = store;
    this.blueprint = blueprint;
    this.from = from;
  }

  Preparation.Prepared prepare(EngineFactory engines) throws IOException {
    SavedDictionary saved = SavedDictionary.open(Path.of(from.place()), from.activationScale());
    if (saved.checksum() != from.checksum()) {
      throw new IOException(
          from.place() + ": has changed since the run was started; restore it, or start a new run");
    }
    requireSameShape(saved);
    boolean same = blueprint.inputs().equals(blueprint.outputs());
    List<SiteScaling> read = new ArrayList<>();
    long rows = 0;
    double variance = 0;
    for (Site site : blueprint.inputs()) {
      Sample sample = sample(site);
      read.add(
          new SiteScaling(
              site.hook(),
              sample.scale(0, site.width(), config),
              same || !config.centre() ? List.of() : Preparation.boxed(sample.mean())));
      rows = sample.rows();
      variance += same ? scaledVariance(sample, site) : 0;
    }
    List<SiteScaling> written = same ? read : new ArrayList<>();
    if (!same) {
      for (Site site : blueprint.outputs()) {
        Sample sample = sample(site);
        double scale = sample.scale(0, site.width(), config);
        written.add(new SiteScaling(site.hook(), scale, List.of()));
        variance += scaledVariance(sample, site);
      }
    }
    StartingPoint start =
        new StartingPoint(read.getFirst().scale(), variance, 0, 1, rows, 0, read, written);
    Engine engine = blueprint.openEmpty(engines);
    try {
      fill(engine, saved, start);
      if (engine.spec().learned() != Learned.NOTHING && !keepsThresholds(saved.config())) {
        try (Arena arena = Arena.ofShared()) {
          List<SiteFeed.Pair> batches =
              new CommonNorm(store, config).sample(arena, read, written, null);
          InitialThresholds.set(engine, config.sparsity(), batches);
        }
      }
      return new Preparation.Prepared(engine, start, null);
    } catch (IOException | RuntimeException e) {
      engine.close();
      throw e;
    }
  }

  private Sample sample(Site site) throws IOException {
    return Sample.of(store, config, List.of(site.hook()), new int[] {site.width()}, false);
  }

  private double scaledVariance(Sample sample, Site site) {
    double scale = sample.scale(0, site.width(), config);
    return scale * scale * sample.variances()[0];
  }

  private void requireSameShape(SavedDictionary saved) throws IOException {
    if (saved.config().features() != config.features()) {
      throw new IOException(
          "%s: has %d features, not the %d of this run"
              .formatted(from.place(), saved.config().features(), config.features()));
    }
    boolean pursues = config.sparsity().activation() instanceof Pursuit;
    if (saved.config().activation() instanceof Pursuit != pursues) {
      throw new IOException(
          "%s: has the activation function %s, which cannot become %s: matching pursuit has no encoder"
              .formatted(
                  from.place(),
                  saved.config().activation().label(),
                  config.sparsity().activation().label()));
    }
    requireSameWidths("reads", saved.inputs(), blueprint.inputs());
    requireSameWidths("writes", saved.outputs(), blueprint.outputs());
  }

  private void requireSameWidths(String does, List<Site> own, List<Site> ofStore)
      throws IOException {
    for (int i = 0; i < ofStore.size(); i++) {
      if (own.size() != ofStore.size() || own.get(i).width() != ofStore.get(i).width()) {
        throw new IOException(
            "%s: %s %s of width %d, but '%s' of %s is %d wide"
                .formatted(
                    from.place(),
                    does,
                    Site.names(own),
                    Site.widths(own),
                    ofStore.get(i).hook(),
                    store.place(),
                    ofStore.get(i).width()));
      }
    }
  }

  /** Whether the dictionary has the thresholds that training learns. */
  private boolean keepsThresholds(DictionaryConfig dictionary) {
    return config.sparsity().threshold() == 0 && learnable(dictionary).isPresent();
  }

  /** Thresholds per feature, unless a function over batches has found one for all. */
  private static Optional<Thresholds> learnable(DictionaryConfig dictionary) {
    return dictionary.activation().isPenalised()
        ? dictionary.activation().bounds()
        : Optional.empty();
  }

  private void fill(Engine engine, SavedDictionary saved, StartingPoint start) throws IOException {
    if (engine instanceof CrossLayerEngine layers) {
      for (int layer = 0; layer < layers.layers().size(); layer++) {
        fill(layers.layers().get(layer), saved.layers().get(layer), start.ofLayer(layer));
      }
    } else {
      fill(engine, saved.layers().getFirst(), start);
    }
  }

  private void fill(Engine engine, DictionarySource dictionary, StartingPoint start)
      throws IOException {
    DictionaryConfig shape = dictionary.config();
    int features = shape.features();
    float[] read = ColumnScales.of(start.inputs(), shape.inputs());
    float[] written = ColumnScales.of(start.outputs(), shape.outputs());
    float[] decoderBias = dictionary.decoderBias().toArray(FLOAT);
    float[] shift = start.inputs().getFirst().shiftValues();
    List<StateTensor> state = engine.state();
    if (shape.activation() instanceof Pursuit) {
      // Its rows are directions of the residual, too, so they keep their lengths.
      copy(dictionary.decoder(), features, shape.outputWidth(), engine, state.get(0));
      copy(dictionary.decoder(), features, shape.outputWidth(), engine, state.get(2));
    } else {
      float[] bias = dictionary.encoderBias().toArray(FLOAT);
      float[] moved = moved(engine, shape, shift, decoderBias);
      copy(
          dictionary
              .encoder()
              .then(
                  (first, rows) -> {
                    addProducts(bias, first, rows, moved);
                    ColumnScales.divide(rows, read);
                  }),
          features,
          shape.inputWidth(),
          engine,
          state.get(0));
      copy(
          dictionary.decoder().then((first, rows) -> ColumnScales.multiply(rows, written)),
          features,
          shape.outputWidth(),
          engine,
          state.get(2));
      fillBiases(engine, shape, bias);
    }
    if (dictionary.hasSkip()) {
      fillSkip(engine, dictionary, read[0], written[0]);
      addSkipped(decoderBias, dictionary.skip(), shift);
    }
    for (int i = 0; i < decoderBias.length; i++) {
      decoderBias[i] *= written[i];
    }
    write(engine, state.get(3), decoderBias);
  }

  /** What the encoder reads less in training than the dictionary's does, but for the scale. */
  private static float[] moved(
      Engine engine, DictionaryConfig shape, float[] shift, float[] decoderBias) {
    boolean subtracts = engine.spec().subtractDecoderBias();
    if (subtracts == shape.subtractDecoderBias()) {
      return shift;
    }
    float[] moved = new float[shape.inputWidth()];
    for (int i = 0; i < moved.length; i++) {
      float bias = subtracts ? decoderBias[i] : -decoderBias[i];
      moved[i] = shift.length == 0 ? bias : shift[i] + bias;
    }
    return moved;
  }

  private static void copy(WeightRows rows, int count, int width, Engine engine, StateTensor tensor)
      throws IOException {
    rows.forPieces(count, width, (first, piece) -> engine.write(tensor, first, piece));
  }

  /** Adds the products of some rows with {@code moved} to their biases. */
  private static void addProducts(float[] bias, int first, MemorySegment rows, float[] moved) {
    if (moved.length > 0) {
      for (int row = 0; row < rows.byteSize() / Float.BYTES / moved.length; row++) {
        bias[first + row] += (float) product(rows, (long) row * moved.length, moved);
      }
    }
  }

  /** Writes the encoder bias, and what else features learn. */
  private void fillBiases(Engine engine, DictionaryConfig shape, float[] bias) {
    Optional<Thresholds> found = keepsThresholds(shape) ? learnable(shape) : Optional.empty();
    if (found.isPresent()) {
      float[] thresholds = found.get().toArray(shape.features());
      switch (engine.spec().learned()) {
        case NOTHING -> {}
        case THRESHOLD -> {
          for (int i = 0; i < thresholds.length; i++) {
            thresholds[i] = (float) Math.log(Math.max(InitialThresholds.LEAST, thresholds[i]));
          }
          write(engine, engine.tensor(Learned.LOG_THRESHOLD), thresholds);
        }
        case GATE -> {
          // With r = 0, the threshold of the magnitude z + b_mag is b_mag less b_gate.
          write(engine, engine.tensor(Learned.MAGNITUDE_BIAS), bias);
          for (int i = 0; i < bias.length; i++) {
            bias[i] -= thresholds[i];
          }
        }
      }
    }
    write(engine, engine.state().get(1), bias);
  }

  private static void fillSkip(
      Engine engine, DictionarySource dictionary, float read, float written) {
    float[] skip = dictionary.skip().toArray(FLOAT);
    for (int i = 0; i < skip.length; i++) {
      skip[i] *= written / read;
    }
    write(engine, engine.tensor(SkipConnection.SKIP), skip);
  }

  private static void addSkipped(float[] bias, MemorySegment skip, float[] shift) {
    for (int output = 0; shift.length > 0 && output < bias.length; output++) {
      bias[output] += (float) product(skip, (long) output * shift.length, shift);
    }
  }

  private static double product(MemorySegment rows, long start, float[] vector) {
    double product = 0;
    for (int i = 0; i < vector.length; i++) {
      product += (double) vector[i] * rows.getAtIndex(FLOAT, start + i);
    }
    return product;
  }

  private static void write(Engine engine, StateTensor tensor, float[] values) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment copy = arena.allocate(tensor.bytes(), 64);
      MemorySegment.copy(values, 0, copy, FLOAT, 0, values.length);
      engine.write(tensor, copy);
    }
  }
}
