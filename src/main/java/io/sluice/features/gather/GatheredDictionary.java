package io.sluice.features.gather;

import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.Site;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.features.FeatureManifest.Source;
import io.sluice.files.RegularFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/** A dictionary whose features are gathered: of any kind, with what identifies its files. */
public final class GatheredDictionary {
  private static final String WEIGHTS = "dictionary.safetensors";
  private static final int CHUNK_BYTES = 1 << 20;

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
    MessageDigest digest = digest();
    for (int layer = 0; layer < layers.size(); layer++) {
      Path own = joint == null ? folder : folder.resolve(CrossLayerDictionary.layerName(layer));
      add(own.resolve(WEIGHTS), digest);
    }
    return new GatheredDictionary(folder, layers, joint, HexFormat.of().formatHex(digest.digest()));
  }

  /**
   * The dictionary, or the layers of a cross-layer transcoder, whose features follow each other.
   */
  public List<Dictionary> layers() {
    return layers;
  }

  /** Features of all layers. */
  public int features() {
    return layers.stream().mapToInt(layer -> layer.config().features()).reduce(0, Math::addExact);
  }

  /** The hook points that it reads. */
  public List<Site> reads() {
    return joint == null ? config().inputs() : joint.inputs();
  }

  /** The hook points that it writes. */
  public List<Site> writes() {
    return config().outputs();
  }

  /** The model that it was trained on; empty if that is not known. */
  public String model() {
    return config().model();
  }

  /** How codes are selected. */
  ActivationFunction activation() {
    return config().activation();
  }

  /** Whether it writes what it reads. */
  boolean isAutoencoder() {
    return joint == null && config().isAutoencoder();
  }

  /** An engine that encodes. */
  Engine open(EngineFactory engines) {
    return joint == null ? layers.getFirst().open(engines) : joint.open(engines);
  }

  /** What the manifest says of it. */
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

  private static void add(Path file, MessageDigest digest) throws IOException {
    ByteBuffer chunk = ByteBuffer.allocate(CHUNK_BYTES);
    try (FileChannel channel = RegularFile.open(file)) {
      while (channel.read(chunk.clear()) >= 0) {
        digest.update(chunk.flip());
      }
    }
  }

  private static MessageDigest digest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // Every Java platform has it.
    }
  }
}
