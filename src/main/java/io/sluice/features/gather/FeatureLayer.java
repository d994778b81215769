package io.sluice.features.gather;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.Site;
import io.sluice.engine.spec.DictionaryParameters;
import java.util.List;

/**
 * Rows of features.
 *
 * @param parameters encoder and decoder, a row per feature
 * @param outputs the hook points that a decoder row writes, side by side
 */
public record FeatureLayer(DictionaryParameters parameters, List<Site> outputs) {
  /** Copies the list. */
  public FeatureLayer {
    outputs = List.copyOf(outputs);
  }

  /** The rows of a dictionary. */
  public static FeatureLayer of(Dictionary dictionary) {
    return new FeatureLayer(dictionary.parameters(), dictionary.config().outputs());
  }
}
