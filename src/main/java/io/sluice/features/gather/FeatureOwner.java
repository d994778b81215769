package io.sluice.features.gather;

import io.sluice.dictionary.Site;
import io.sluice.engine.EngineFactory;
import io.sluice.features.FeatureManifest.Source;
import io.sluice.store.ActivationStore;
import java.io.IOException;
import java.util.List;

/**
 * What has features that can be gathered: rows that read and write hook points of a model, and
 * codes on the tokens of a store. Dictionaries are one ({@link GatheredDictionary}); packages on
 * floors above have others.
 */
public interface FeatureOwner {
  /** The layers, whose features follow each other; one unless it is cross-layer. */
  List<FeatureLayer> layers();

  /** The hook points that it reads. */
  List<Site> reads();

  /** The hook points that it writes, of all layers. */
  List<Site> writes();

  /** The model that it was trained on; empty if that is not known. */
  String model();

  /** What the manifest says of it. */
  Source source();

  /** Whether it writes what it reads, so that encoder and decoder rows can be compared. */
  boolean isAutoencoder();

  /** The first position of a context at which it has codes. */
  default int firstPosition() {
    return 0;
  }

  /** Features of all layers. */
  default int features() {
    return layers().stream()
        .mapToInt(layer -> layer.parameters().features())
        .reduce(0, Math::addExact);
  }

  /**
   * Encodes a store.
   *
   * @param spec whose first position is at least {@link #firstPosition}
   * @param written whether {@link EncodedTokens#written} is asked for; then the store has the one
   *     hook point that is written
   * @throws IOException if the store cannot be read
   */
  EncodedTokens encode(
      ActivationStore store, GatherSpec spec, boolean written, EngineFactory engines)
      throws IOException;
}
