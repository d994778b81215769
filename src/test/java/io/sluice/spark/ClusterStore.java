package io.sluice.spark;

import io.sluice.cli.CommandProcess;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.Site;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.memory.DType;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.TokenTable;
import io.sluice.store.files.Column;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** A made-up store of many shards, contexts and documents, and dictionaries of its hook points. */
final class ClusterStore {
  static final int ROWS = 140_000;
  static final List<Site> SITES =
      List.of(new Site("layers.0.resid", 16), new Site("layers.1.resid", 12));
  private static final int WORDS = 60;

  private final Random random;

  ClusterStore(long seed) {
    this.random = new Random(seed);
  }

  /** Writes the store. */
  void write(Path folder) throws IOException {
    write(folder, ROWS);
  }

  /** Writes one of so many rows. */
  void write(Path folder, int rows) throws IOException {
    int[] tokens = new int[rows];
    int[] positions = new int[rows];
    int[] documents = new int[rows];
    int left = 0;
    for (int row = 0; row < rows; row++) {
      boolean begins = left-- == 0;
      if (begins) {
        left = random.nextInt(900);
      }
      tokens[row] = random.nextInt(WORDS);
      positions[row] = begins ? 0 : positions[row - 1] + 1;
      documents[row] = row == 0 ? 0 : documents[row - 1] + (begins ? random.nextInt(2) : 0);
    }
    List<Column> columns =
        SITES.stream().map(site -> new Column(site.hook(), site.width(), DType.F32)).toList();
    StoreSpec spec = StoreSpec.of("model", "text", columns).withRowsPerShard(9000);
    try (StoreWriter writer = StoreWriter.create(folder, spec)) {
      writer.tokens(TokenTable.of(IntStream.range(0, WORDS).mapToObj(i -> " word" + i).toList()));
      writer.append(tokens, positions, documents, DType.F32, drawn(rows * 16), drawn(rows * 12));
      writer.finish();
    }
  }

  static final Path MODEL =
      Path.of("src/test/resources/golden/model/causal/tiny-gpt2").toAbsolutePath();

  /**
   * Captures {@code text.txt} into {@code small} and trains {@code run}, which holds tokens out.
   * {@code other.txt} has contexts that it does not know.
   */
  static void train(Path folder) throws IOException, InterruptedException {
    Files.writeString(
        folder.resolve("text.txt"), "call me ishmael . the white whale of the sea , ".repeat(600));
    Files.writeString(
        folder.resolve("other.txt"), "white ishmael of the sea , call . whale me the ".repeat(90));
    List<String> capture =
        List.of("capture", "--model", MODEL.toString(), "--text", "text.txt", "--context", "12");
    sluice(folder, capture, "--out", "small");
    List<String> train = List.of("train", "--store", "small", "--hook", "layers.1.attn_out");
    sluice(folder, train, "--features", "64", "--k", "4", "--tokens", "4000", "--out", "run");
  }

  private static void sluice(Path folder, List<String> words, String... more)
      throws IOException, InterruptedException {
    String[] all = Stream.concat(words.stream(), Stream.of(more)).toArray(String[]::new);
    CommandProcess ran = CommandProcess.run(folder, new String[0], all);
    if (ran.status() != 0) {
      throw new IOException(ran.err());
    }
  }

  /** Writes a dictionary that reads and writes hook points of the store. */
  void dictionary(Path folder, List<Site> sites, int features, ActivationFunction activation)
      throws IOException {
    String names = Site.names(sites);
    int width = Site.widths(sites);
    DictionaryConfig config =
        new DictionaryConfig(
            "model", names, names, width, width, features, activation, false, false);
    Dictionary dictionary =
        new Dictionary(
            sites.size() > 1 ? config.withSites(sites) : config,
            new DictionaryParameters(
                width,
                width,
                features,
                drawn(features * width),
                drawn(features),
                drawn(features * width),
                drawn(width)));
    Files.createDirectories(folder);
    dictionary.save(folder);
  }

  private MemorySegment drawn(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (0.2 + random.nextGaussian());
    }
    return Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, values);
  }
}
