package io.sluice.lorsa.features;

import io.sluice.dictionary.Site;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.features.FeatureManifest.Source;
import io.sluice.features.gather.EncodedTokens;
import io.sluice.features.gather.FeatureLayer;
import io.sluice.features.gather.FeatureOwner;
import io.sluice.features.gather.FileDigest;
import io.sluice.features.gather.GatherSpec;
import io.sluice.lorsa.Lorsa;
import io.sluice.lorsa.LorsaConfig;
import io.sluice.lorsa.engine.LorsaSpec;
import io.sluice.lorsa.engine.LorsaTensor;
import io.sluice.lorsa.engine.LorsaWeights;
import io.sluice.store.ActivationStore;
import io.sluice.store.Contexts;
import io.sluice.torch.Device;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * A Lorsa as an owner of features: each of its heads is one. The encoder row of a head is its
 * value's direction {@code w_V}, and the decoder row its output's direction {@code w_O}.
 */
public final class GatheredLorsa implements FeatureOwner {
  private final Path folder;
  private final Lorsa lorsa;
  private final Device device;
  private final String sha256;

  private GatheredLorsa(Path folder, Lorsa lorsa, Device device, String sha256) {
    this.folder = folder;
    this.lorsa = lorsa;
    this.device = device;
    this.sha256 = sha256;
  }

  /**
   * Reads a Lorsa.
   *
   * @param device where it runs
   * @throws IOException if a file is missing or damaged; one line that names it
   */
  public static GatheredLorsa load(Path folder, Device device) throws IOException {
    Lorsa lorsa = Lorsa.load(folder);
    return new GatheredLorsa(
        folder, lorsa, device, FileDigest.sha256(List.of(Lorsa.weightsFile(folder))));
  }

  /** The Lorsa. */
  public Lorsa lorsa() {
    return lorsa;
  }

  @Override
  public List<FeatureLayer> layers() {
    LorsaSpec spec = lorsa.config().spec();
    LorsaWeights weights = lorsa.weights();
    DictionaryParameters rows =
        new DictionaryParameters(
            spec.inputWidth(),
            spec.outputWidth(),
            spec.heads(),
            weights.get(LorsaTensor.VALUE),
            weights.get(LorsaTensor.VALUE_BIAS),
            weights.get(LorsaTensor.OUTPUT),
            weights.get(LorsaTensor.OUTPUT_BIAS));
    return List.of(new FeatureLayer(rows, writes()));
  }

  @Override
  public List<Site> reads() {
    LorsaConfig config = lorsa.config();
    return List.of(new Site(config.inputHook(), config.spec().inputWidth()));
  }

  @Override
  public List<Site> writes() {
    LorsaConfig config = lorsa.config();
    return List.of(new Site(config.outputHook(), config.spec().outputWidth()));
  }

  @Override
  public String model() {
    return lorsa.config().model();
  }

  @Override
  public boolean isAutoencoder() {
    return false;
  }

  /** Where it was trained from; earlier positions, attention sinks, are only read. */
  @Override
  public int firstPosition() {
    return lorsa.config().fromPosition();
  }

  @Override
  public Source source() {
    LorsaSpec spec = lorsa.config().spec();
    return new Source(
        folder.toString(),
        sha256,
        "lorsa",
        spec.heads(),
        spec.inputWidth(),
        List.of(lorsa.config().inputHook()),
        List.of(lorsa.config().outputHook()),
        spec.groups());
  }

  @Override
  public EncodedTokens encode(
      ActivationStore store, GatherSpec spec, boolean written, EngineFactory engines)
      throws IOException {
    return new LorsaTokens(lorsa, Contexts.of(store), spec.firstPosition(), device);
  }
}
