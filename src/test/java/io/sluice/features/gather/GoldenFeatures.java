package io.sluice.features.gather;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.features.FeatureManifest.Window;
import io.sluice.memory.DType;
import io.sluice.store.StoreSpec;
import io.sluice.store.StoreWriter;
import io.sluice.store.TokenTable;
import io.sluice.store.files.Column;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;

/** The store and the dictionary of {@code features_golden.py}, and what NumPy says of them. */
final class GoldenFeatures {
  static final int ROWS = 700;
  static final int WIDTH = 14;
  static final int FEATURES = 90;
  static final String HOOK = "layers.0.attn_out";
  static final GatherSpec SPEC = new GatherSpec(5, 7, new Window(6, 3), 1, 150, 64);

  private static final List<Integer> STARTS = List.of(0, 130, 131, 400);
  private static final Path FILE = Path.of("src/test/resources/golden/features.safetensors");

  private final Safetensors golden;

  GoldenFeatures() throws IOException {
    golden = Safetensors.open(FILE);
  }

  int[] ints(String name) {
    return golden.data(name).toArray(ValueLayout.JAVA_INT_UNALIGNED);
  }

  double[] doubles(String name) {
    return golden.data(name).toArray(ValueLayout.JAVA_DOUBLE_UNALIGNED);
  }

  /** Writes the store in shards of {@code rowsPerShard} rows. */
  Path store(Path folder, String model, int rowsPerShard) throws IOException {
    StoreSpec spec =
        StoreSpec.of(model, "novel.txt", List.of(new Column(HOOK, WIDTH, DType.F32)))
            .withRowsPerShard(rowsPerShard);
    try (StoreWriter writer = StoreWriter.create(folder, spec)) {
      writer.tokens(TokenTable.of(IntStream.range(0, 50).mapToObj(id -> " word" + id).toList()));
      for (int start : STARTS) {
        writer.document("chapter at " + start, start);
      }
      append(writer);
      writer.finish();
    }
    return folder;
  }

  /** Writes a store without texts. */
  Path storeWithoutTexts(Path folder) throws IOException {
    StoreSpec spec = StoreSpec.of("tiny", "novel.txt", List.of(new Column(HOOK, WIDTH, DType.F32)));
    try (StoreWriter writer = StoreWriter.create(folder, spec)) {
      append(writer);
      writer.finish();
    }
    return folder;
  }

  private void append(StoreWriter writer) throws IOException {
    writer.append(
        ints("tokens"),
        ints("positions"),
        ints("documents"),
        DType.F32,
        golden.data("activations"));
  }

  /** Writes the dictionary. */
  Path dictionary(Path folder, String model) throws IOException {
    Files.createDirectories(folder);
    DictionaryConfig config =
        new DictionaryConfig(model, HOOK, HOOK, WIDTH, WIDTH, FEATURES, new TopK(6), false, false);
    new Dictionary(config, parameters()).save(folder);
    return folder;
  }

  DictionaryParameters parameters() {
    return new DictionaryParameters(
        WIDTH,
        WIDTH,
        FEATURES,
        data("encoder"),
        data("encoder_bias"),
        data("decoder"),
        data("decoder_bias"));
  }

  private MemorySegment data(String name) {
    return golden.data(name);
  }
}
