package io.sluice.dictionary;

import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.SkipConnection;
import io.sluice.engine.TokenNorm;
import io.sluice.engine.TokenNormalisation;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.Optimiser;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;

/**
 * A sparse dictionary: its configuration and its weights, in the units of the raw activations
 * (normalisation in training is folded in) or, with {@link DictionaryConfig#tokenNorm}, of
 * normalised tokens. Immutable data; an {@link io.sluice.engine.Engine} opened from it does the
 * arithmetic.
 *
 * @param config its configuration
 * @param parameters its weights, float32, feature-major
 * @param skip the matrix {@code W_skip} of a skip transcoder, float32 {@code [outputWidth,
 *     inputWidth]}; null if there is none
 */
public record Dictionary(
    DictionaryConfig config, DictionaryParameters parameters, MemorySegment skip) {

  public Dictionary {
    if (parameters.features() != config.features()
        || parameters.inputWidth() != config.inputWidth()
        || parameters.outputWidth() != config.outputWidth()) {
      throw new IllegalArgumentException(
          "the config says %d features, %d in, %d out; the weights have %d features, %d in, %d out"
              .formatted(
                  config.features(),
                  config.inputWidth(),
                  config.outputWidth(),
                  parameters.features(),
                  parameters.inputWidth(),
                  parameters.outputWidth()));
    }
    requireFits(config, skip);
  }

  /** Checks that a skip connection fits a configuration. */
  static void requireFits(DictionaryConfig config, MemorySegment skip) {
    long skipBytes = (long) config.inputWidth() * config.outputWidth() * Float.BYTES;
    if (skip != null && skip.byteSize() != skipBytes) {
      throw new IllegalArgumentException(
          "a skip connection from %d to %d values takes %d bytes, not %d"
              .formatted(config.inputWidth(), config.outputWidth(), skipBytes, skip.byteSize()));
    }
    if (skip != null && config.subtractDecoderBias()) {
      throw new IllegalArgumentException(
          "a skip connection reads the input itself, but this dictionary subtracts its decoder bias");
    }
    if (skip != null && config.tokenNorm().filter(TokenNorm::undone).isPresent()) {
      throw new IllegalArgumentException(
          "a skip connection reads the input itself, but the output of this dictionary is"
              + " converted back from normalised units");
    }
  }

  /** A dictionary without a skip connection. */
  public Dictionary(DictionaryConfig config, DictionaryParameters parameters) {
    this(config, parameters, null);
  }

  /** Whether the dictionary has a skip connection. */
  public boolean hasSkip() {
    return skip != null;
  }

  /** An engine that computes the dictionary, without an optimiser. */
  public Engine open(EngineFactory engines) {
    return extended(engines.open(config.specOfNormalised(Optimiser.NONE), parameters));
  }

  /**
   * An engine that reads this dictionary's weights where they are, if it can.
   *
   * <p>Weights that are not in memory of this process alone are copied: a file that is mapped may
   * be truncated meanwhile.
   *
   * @throws IllegalArgumentException as {@link #open}
   */
  public Engine openOver(EngineFactory engines) {
    for (MemorySegment weights : List.of(parameters.encoder(), parameters.decoder())) {
      if (!weights.isNative() || weights.isMapped()) {
        return open(engines);
      }
    }
    return extended(engines.openOver(config.specOfNormalised(Optimiser.NONE), parameters));
  }

  private Engine extended(Engine weights) {
    Engine engine = weights;
    if (config.tokenNorm().isPresent()) {
      engine = TokenNormalisation.around(engine, config.tokenNorm().get());
    }
    // A skip connection reads the token before normalisation.
    return skip == null ? engine : SkipConnection.around(engine, skip);
  }

  /**
   * Reads {@code dictionary.json} and {@code dictionary.safetensors} of a folder. The weights are
   * mapped from the file.
   *
   * @throws IOException if a file is missing, damaged or disagrees with the other; the message
   *     names it
   */
  public static Dictionary load(Path folder) throws IOException {
    return DictionaryFiles.load(folder);
  }

  /**
   * Writes {@code dictionary.safetensors} and {@code dictionary.json} into an existing folder, each
   * atomically.
   *
   * @throws IOException if writing fails; previous files are then unchanged
   */
  public void save(Path folder) throws IOException {
    source().save(folder);
  }

  /** This dictionary, some rows of whose matrices are read at a time. */
  public DictionarySource source() {
    return new DictionarySource(
        config,
        WeightRows.of(parameters.encoder(), config.inputWidth()),
        parameters.encoderBias(),
        WeightRows.of(parameters.decoder(), config.outputWidth()),
        parameters.decoderBias(),
        skip);
  }
}
