package io.sluice.features.gather;

import java.io.IOException;
import java.nio.file.Path;

/** The store and the dictionary of the golden files, for tests of commands. */
public final class FeatureSamples {
  private FeatureSamples() {}

  /** Writes a store of 700 rows with texts, of the model {@code tiny}. */
  public static Path store(Path folder) throws IOException {
    return new GoldenFeatures().store(folder, "tiny", 1000);
  }

  /** Writes the same store without texts. */
  public static Path storeWithoutTexts(Path folder) throws IOException {
    return new GoldenFeatures().storeWithoutTexts(folder);
  }

  /** Writes a dictionary of 90 features. */
  public static Path dictionary(Path folder) throws IOException {
    return new GoldenFeatures().dictionary(folder, "tiny");
  }
}
