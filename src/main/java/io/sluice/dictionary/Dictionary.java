package io.sluice.dictionary;

import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.NormEngine;
import io.sluice.engine.Optimiser;
import io.sluice.engine.Parameters;
import io.sluice.engine.SkipEngine;
import io.sluice.engine.TokenNorm;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * A sparse dictionary: its configuration and its weights, in the units of the raw activations (any
 * normalisation used in training is folded in) or, where each token is normalised by itself, of
 * those ({@link DictionaryConfig#tokenNorm}). Immutable data; an {@link io.sluice.engine.Engine}
 * made from it does the arithmetic.
 *
 * @param config what it is
 * @param parameters its weights, float32, feature-major
 * @param skip of a skip transcoder the matrix {@code W_skip}, float32 {@code [outputWidth,
 *     inputWidth]}, by which the input is added to the output; null where there is none
 */
public record Dictionary(DictionaryConfig config, Parameters parameters, MemorySegment skip) {

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
    long skipBytes = (long) config.inputWidth() * config.outputWidth() * Float.BYTES;
    if (skip != null && skip.byteSize() != skipBytes) {
      throw new IllegalArgumentException(
          "a skip connection from %d to %d values takes %d bytes, not %d"
              .formatted(config.inputWidth(), config.outputWidth(), skipBytes, skip.byteSize()));
    }
    if (skip != null && config.subtractDecoderBias()) {
      throw new IllegalArgumentException(
          "a skip connection reads the input itself, and this dictionary subtracts its decoder bias");
    }
    if (skip != null && config.tokenNorm().filter(TokenNorm::undone).isPresent()) {
      throw new IllegalArgumentException(
          "a skip connection reads the input itself, and the output of this dictionary is brought"
              + " back from its normalised units");
    }
  }

  /** A dictionary without a skip connection. */
  public Dictionary(DictionaryConfig config, Parameters parameters) {
    this(config, parameters, null);
  }

  /** Whether there is a skip connection. */
  public boolean hasSkip() {
    return skip != null;
  }

  /** An engine that does what the dictionary does, and learns nothing. */
  public Engine open(EngineFactory engines) {
    Engine engine = engines.open(config.specOfNormalised(Optimiser.NONE), parameters);
    if (config.tokenNorm().isPresent()) {
      engine = new NormEngine(engine, config.tokenNorm().get());
    }
    // A skip connection reads the token as it is.
    return skip == null ? engine : new SkipEngine(engine, skip);
  }

  /**
   * Reads {@code dictionary.json} and {@code dictionary.safetensors} of a folder. The weights stay
   * mapped from the file.
   *
   * @throws IOException if a file is missing, damaged or disagrees with the other; the message
   *     names it
   */
  public static Dictionary load(Path folder) throws IOException {
    return DictionaryFiles.load(folder);
  }

  /**
   * Writes {@code dictionary.safetensors} and {@code dictionary.json} into a folder that exists,
   * each under a temporary name first.
   *
   * @throws IOException if writing fails; what was there before is then intact
   */
  public void save(Path folder) throws IOException {
    DictionaryFiles.save(this, folder);
  }
}
