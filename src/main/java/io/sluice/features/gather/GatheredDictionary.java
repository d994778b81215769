package io.sluice.features.gather;

import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.Site;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.features.FeatureManifest.Source;
import io.sluice.store.ActivationStore;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A dictionary as an owner of features: of any kind, with what identifies its files. */
public final class GatheredDictionary implements FeatureOwner {
  private static final String WEIGHTS = "dictionary.safetensors";

  private final Path folder;
  private final List<Dictionary> layers;
  private final CrossLayerDictionary joint; // Null unless cross-layer.
  private final String sha256;

  private GatheredDictionary(
      Path folder, List<Dictionary> layers, CrossLayerDictionary joint, String sha256) {
    this.folder = folder;
    this.layers = layers;
    this.joint = joint;
    this.sha256 = sha256;
  }

  /**
   * Reads a dictionary in Sluice's format, or a cross-layer transcoder.
   *
   * @throws IOException if a file is missing or damaged; one line that names it
   */
  public static GatheredDictionary load(Path folder) throws IOException {
    CrossLayerDictionary joint =
        CrossLayerDictionary.isIn(folder) ? CrossLayerDictionary.load(folder) : null;
    List<Dictionary> layers = joint == null ? List.of(Dictionary.load(folder)) : joint.layers();
    List<Path> files = new ArrayList<>();
    for (int layer = 0; layer < layers.size(); layer++) {
      Path own = joint == null ? folder : folder.resolve(CrossLayerDictionary.layerName(layer));
      files.add(own.resolve(WEIGHTS));
    }
    return new GatheredDictionary(folder, layers, joint, FileDigest.sha256(files));
  }

  /** The dictionary, or the layers of a cross-layer transcoder. */
  public List<Dictionary> dictionaries() {
    return layers;
  }

  @Override
  public List<FeatureLayer> layers() {
    return layers.stream().map(FeatureLayer::of).toList();
  }

  @Override
  public List<Site> reads() {
    return joint == null ? config().inputs() : joint.inputs();
  }

  @Override
  public List<Site> writes() {
    return config().outputs();
  }

  @Override
  public String model() {
    return config().model();
  }

  @Override
  public DictionaryTokens encode(
      ActivationStore store, GatherSpec spec, boolean written, EngineFactory engines) {
    return new DictionaryTokens(this, store, spec, written, engines);
  }

  /** How codes are selected. */
  ActivationFunction activation() {
    return config().activation();
  }

  @Override
  public boolean isAutoencoder() {
    return joint == null && config().isAutoencoder();
  }

  /** An engine that encodes. */
  Engine open(EngineFactory engines) {
    return joint == null ? layers.getFirst().open(engines) : joint.open(engines);
  }

  @Override
  public Source source() {
    String kind = isAutoencoder() ? "autoencoder" : "transcoder";
    kind = isAutoencoder() && writes().size() > 1 ? "crosscoder" : kind;
    return new Source(
        folder.toString(),
        sha256,
        joint == null ? kind : "cross-layer",
        features(),
        config().inputWidth(),
        reads().stream().map(Site::hook).toList(),
        writes().stream().map(Site::hook).toList());
  }

  private DictionaryConfig config() {
    return layers.getFirst().config();
  }
}
