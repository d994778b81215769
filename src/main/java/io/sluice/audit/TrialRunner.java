package io.sluice.audit;

import io.sluice.audit.Activations.Source;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.TokenNorm;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Runs trials of one dictionary. Its engine computes it without the normalisation of its
 * configuration, since trials have their own; except where a skip connection reads the token before
 * normalisation.
 */
final class TrialRunner implements AutoCloseable {
  private static final int BATCH = 256;

  private final DictionaryConfig config;
  private final Engine engine;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment input;
  private final MemorySegment reconstruction;
  private final float[] read;
  private final float[] written;
  private final float[] bias;
  private final boolean undone;

  /** Whether the engine normalises, so that there is no other normalisation to try. */
  private final boolean normalises;

  TrialRunner(Dictionary dictionary, EngineFactory engines) {
    config = dictionary.config();
    undone = config.tokenNorm().map(TokenNorm::undone).orElse(config.isAutoencoder());
    normalises = dictionary.hasSkip() && config.tokenNorm().isPresent();
    Dictionary computed =
        normalises
            ? dictionary
            : new Dictionary(
                config.withTokenNorm(Optional.empty()), dictionary.parameters(), dictionary.skip());
    engine = computed.openOver(engines);
    read = new float[BATCH * config.inputWidth()];
    written = new float[BATCH * config.outputWidth()];
    input = arena.allocate((long) read.length * Float.BYTES, 64);
    reconstruction = arena.allocate((long) written.length * Float.BYTES, 64);
    bias = dictionary.parameters().decoderBias().toArray(DictionaryParameters.FLOAT);
  }

  /** The normalisations that can be tried. */
  List<Normalisation> normalisations() {
    Normalisation promised = Normalisation.of(config.tokenNorm());
    return normalises ? List.of(promised) : Normalisation.tried(promised);
  }

  /** Whether reading the decoder bias in the other way is a different trial. */
  boolean hasOtherBias() {
    boolean zero = true;
    for (float value : bias) {
      zero &= value == 0;
    }
    return config.isAutoencoder() && !zero;
  }

  /**
   * Adds all tokens to the sums of a trial.
   *
   * @param statistics of all sources
   * @throws IllegalArgumentException if a token is 0 everywhere and the trial scales it
   */
  void run(TrialSums sums, Activations activations, Map<Source, PlaceStatistics> statistics) {
    Trial trial = sums.trial();
    Source reads = new Source(trial.beginning(), trial.place().reads());
    Source writes = new Source(trial.beginning(), trial.place().writes());
    Normaliser normaliser =
        new Normaliser(
            normalises ? Normalisation.NONE : trial.normalisation(),
            statistics.get(reads),
            statistics.get(writes),
            undone);
    Rows all = activations.rows(reads);
    Rows targets = activations.rows(writes);
    for (int from = 0; from < all.count(); from += BATCH) {
      int count = Math.min(BATCH, all.count() - from);
      Rows rows = normalised(all, from, count, normaliser, trial.otherBias());
      engine.encode(rows, config.activation());
      Rows target = slice(targets, from, count);
      engine.decode(config.isAutoencoder() ? rows : target, false);
      engine.readReconstruction(reconstruction.asSlice(0, count * target.rowBytes()));
      MemorySegment.copy(
          reconstruction, DictionaryParameters.FLOAT, 0, written, 0, count * target.width());
      for (int row = 0; row < count; row++) {
        for (int i = 0; i < target.width(); i++) {
          double value = normaliser.undone(row, i, written[row * target.width() + i]);
          sums.add(i, target.at(row, i), value);
        }
      }
      sums.add(engine.codes(), count);
    }
  }

  private Rows normalised(Rows all, int from, int count, Normaliser normaliser, boolean otherBias) {
    int width = all.width();
    MemorySegment.copy(
        all.memory(), DictionaryParameters.FLOAT, from * all.rowBytes(), read, 0, count * width);
    normaliser.prepare(count);
    // The engine subtracts the bias if the configuration says so; this cancels it, or does it.
    float sign = !otherBias ? 0 : config.subtractDecoderBias() ? 1 : -1;
    for (int row = 0; row < count; row++) {
      normaliser.apply(read, row * width, width, row);
      for (int i = 0; otherBias && i < width; i++) {
        read[row * width + i] += sign * bias[i];
      }
    }
    MemorySegment.copy(read, 0, input, DictionaryParameters.FLOAT, 0, count * width);
    return new Rows(input.asSlice(0, count * all.rowBytes()), DType.F32, count, width);
  }

  private static Rows slice(Rows rows, int from, int count) {
    return new Rows(
        rows.memory().asSlice(from * rows.rowBytes(), count * rows.rowBytes()),
        rows.dtype(),
        count,
        rows.width());
  }

  @Override
  public void close() {
    engine.close();
    arena.close();
  }
}
