package io.sluice.training.start;

import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.DictionarySource;
import io.sluice.dictionary.Site;
import io.sluice.dictionary.formats.DictionaryFormat;
import io.sluice.dictionary.formats.Origin;
import io.sluice.training.config.FromDictionary;
import io.sluice.training.config.InitialEncoder;
import io.sluice.training.config.Kind;
import io.sluice.training.run.StateFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalDouble;
import java.util.zip.CRC32C;

/**
 * A finished dictionary that training goes on from.
 *
 * @param place its folder or file
 * @param layers the dictionaries of a cross-layer transcoder; of others, the one
 */
public record SavedDictionary(Path place, List<DictionarySource> layers) {
  /**
   * Opens a dictionary in any format that is read. Its matrices are read when they are needed.
   *
   * @param activationScale the factor of activations that its files do not hold, if they need one
   * @throws IOException if there is none, or it is damaged, or cannot be trained; the message names
   *     it
   */
  public static SavedDictionary open(Path place, OptionalDouble activationScale)
      throws IOException {
    List<DictionarySource> layers =
        CrossLayerDictionary.isIn(place)
            ? CrossLayerDictionary.load(place).layers().stream().map(Dictionary::source).toList()
            : List.of(
                format(place)
                    .open(
                        place,
                        activationScale.isPresent()
                            ? Origin.UNKNOWN.scaled(activationScale.getAsDouble())
                            : Origin.UNKNOWN));
    SavedDictionary saved = new SavedDictionary(place, layers);
    saved.requireTrainable();
    return saved;
  }

  /** Where files of another library are beside them, Sluice's own count, as for evaluations. */
  private static DictionaryFormat format(Path place) throws IOException {
    if (StateFile.isNamed(place)) {
      throw new IOException(
          place
              + ": is a checkpoint; make a dictionary of it with 'sluice convert --to sluice', and"
              + " give that");
    }
    return Files.isRegularFile(place.resolve("dictionary.json"))
        ? DictionaryFormat.SLUICE
        : DictionaryFormat.of(place);
  }

  private void requireTrainable() throws IOException {
    DictionaryConfig config = config();
    String reason = null;
    if (config.tokenNorm().isPresent()) {
      reason =
          "normalises each token ("
              + config.tokenNorm().get().kind().label()
              + "), which training"
              + " does not";
    } else if (config.isAutoencoder() && layers.getFirst().hasSkip()) {
      reason = "is an autoencoder with a skip connection, and training has none";
    } else if (!isCrossLayer() && config.outputs().size() > 1 && !config.isAutoencoder()) {
      reason = "is one layer of a cross-layer transcoder; name the folder of the whole";
    }
    if (reason != null) {
      throw new IOException(place + ": cannot be trained further: it " + reason);
    }
  }

  /** The start of a run that goes on from it; reads all weights for their checksum. */
  public FromDictionary start(OptionalDouble activationScale) throws IOException {
    return new FromDictionary(place.toAbsolutePath().toString(), activationScale, checksum());
  }

  /** CRC32C of all weights. */
  long checksum() throws IOException {
    CRC32C crc = new CRC32C();
    for (DictionarySource layer : layers) {
      DictionaryConfig config = layer.config();
      layer
          .encoder()
          .forPieces(config.features(), config.inputWidth(), (first, rows) -> update(crc, rows));
      update(crc, layer.encoderBias());
      layer
          .decoder()
          .forPieces(config.features(), config.outputWidth(), (first, rows) -> update(crc, rows));
      update(crc, layer.decoderBias());
      if (layer.hasSkip()) {
        update(crc, layer.skip());
      }
    }
    return crc.getValue();
  }

  private static void update(CRC32C crc, MemorySegment data) {
    long most = 1 << 30;
    for (long first = 0; first < data.byteSize(); first += most) {
      crc.update(data.asSlice(first, Math.min(most, data.byteSize() - first)).asByteBuffer());
    }
  }

  /** Whether it is a cross-layer transcoder. */
  boolean isCrossLayer() {
    return layers.size() > 1;
  }

  /** The configuration; of a cross-layer transcoder, that of its first layer. */
  public DictionaryConfig config() {
    return layers.getFirst().config();
  }

  /** What it reads. */
  public List<Site> inputs() {
    return isCrossLayer()
        ? layers.stream().map(layer -> layer.config().inputs().getFirst()).toList()
        : config().inputs();
  }

  /** What it writes. */
  public List<Site> outputs() {
    return config().outputs();
  }

  /**
   * The kind that it is.
   *
   * @param reads the names of what it reads, in the store that it is trained on
   * @param writes the names of what it writes there
   * @throws IllegalArgumentException if they are not as many as it reads and writes
   */
  public Kind kind(List<String> reads, List<String> writes) {
    requireAsMany("reads", inputs(), reads);
    requireAsMany("writes", outputs(), writes);
    if (isCrossLayer()) {
      return new Kind.CrossLayerTranscoder(
          reads.subList(1, reads.size()), writes, InitialEncoder.PULL_BACK);
    }
    if (!config().isAutoencoder()) {
      return new Kind.Transcoder(
          writes.getFirst(), InitialEncoder.PULL_BACK, layers.getFirst().hasSkip());
    }
    if (!reads.equals(writes)) {
      throw new IllegalArgumentException(
          place + ": writes what it reads; name the same hook points, not another target");
    }
    return reads.size() == 1
        ? new Kind.Autoencoder()
        : new Kind.Crosscoder(reads.subList(1, reads.size()));
  }

  private void requireAsMany(String does, List<Site> own, List<String> named) {
    if (own.size() != named.size()) {
      throw new IllegalArgumentException(
          "%s: %s %d hook points (%s), not the %d that are named"
              .formatted(place, does, own.size(), Site.names(own), named.size()));
    }
  }
}
