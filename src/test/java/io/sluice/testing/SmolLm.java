package io.sluice.testing;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;

/** The real language model that {@code make models} fetches: SmolLM2-135M-Instruct, 30 layers. */
public final class SmolLm {
  private SmolLm() {}

  /** Its GGUF file; where it was not fetched, the calling test is skipped with the reason. */
  public static Path require() {
    Path file = folder().resolve("SmolLM2-135M-Instruct.Q4_1.gguf");
    assumeTrue(Files.isRegularFile(file), file + " is missing: 'make models' fetches it");
    return file;
  }

  /** The same folder as in {@code bin/fetch-models}. */
  private static Path folder() {
    String models = System.getenv("SLUICE_MODELS");
    if (models != null && !models.isBlank()) {
      return Path.of(models);
    }
    String cache = System.getenv("XDG_CACHE_HOME");
    return (cache == null || cache.isBlank()
            ? Path.of(System.getProperty("user.home"), ".cache")
            : Path.of(cache))
        .resolve("sluice/models");
  }
}
