package io.sluice.dictionary;

import io.sluice.engine.Parameters;
import java.io.IOException;
import java.nio.file.Path;

/**
 * A sparse dictionary: its configuration and its weights, in the units of the raw activations (any
 * normalisation used in training is folded in). Immutable data; an {@link io.sluice.engine.Engine}
 * made from it does the arithmetic.
 *
 * @param config what it is
 * @param parameters its weights, float32, feature-major
 */
public record Dictionary(DictionaryConfig config, Parameters parameters) {

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
