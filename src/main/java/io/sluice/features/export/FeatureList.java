package io.sluice.features.export;

import io.sluice.features.Feature;
import java.io.IOException;

/** Features to export, one after the other. */
@FunctionalInterface
public interface FeatureList {
  /**
   * The next feature; null after the last.
   *
   * @throws IOException if it cannot be read
   */
  Feature next() throws IOException;
}
