package io.sluice.features.effects;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.features.FeatureContext;
import io.sluice.features.FeatureContexts;
import io.sluice.features.FeatureFolder;
import io.sluice.features.FeatureFolderWriter;
import io.sluice.features.FeatureManifest;
import io.sluice.features.FeatureTable;
import io.sluice.store.ActivationStore;
import io.sluice.store.DocumentTable;
import io.sluice.store.Shard;
import io.sluice.store.TokenTable;
import io.sluice.store.files.Column;
import io.sluice.store.tables.TableWriter;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/** A folder of features over a small store, whose activations are all that are positive. */
final class TinyFolder {
  private static final int TOP = 5;
  private static final int AROUND = 3;

  private final ActivationStore store;
  private final Dictionary dictionary;
  private final int[] tokens;
  private final int[] documents;
  private final long[] starts;

  private TinyFolder(ActivationStore store, Dictionary dictionary) {
    this.store = store;
    this.dictionary = dictionary;
    this.tokens = numbers(Column.TOKEN_ID);
    this.documents = numbers(Column.DOCUMENT_ID);
    int last = documents[documents.length - 1];
    this.starts =
        IntStream.rangeClosed(0, last)
            .mapToLong(
                document ->
                    IntStream.range(0, documents.length)
                        .filter(row -> documents[row] == document)
                        .findFirst()
                        .getAsInt())
            .toArray();
  }

  static FeatureFolder write(
      Path path, ActivationStore store, Dictionary dictionary, EffectsWriter effects)
      throws IOException {
    TinyFolder tiny = new TinyFolder(store, dictionary);
    FeatureFolderWriter.write(path, folder -> tiny.write(folder, effects));
    return FeatureFolder.open(path);
  }

  /** The text of a token. */
  static String word(int id) {
    return " w" + id;
  }

  /** A feature that fires. */
  static int firing(FeatureFolder folder) {
    return IntStream.range(0, folder.features().features())
        .filter(feature -> folder.features().count(feature) > 3)
        .findFirst()
        .getAsInt();
  }

  private FeatureManifest write(FeatureFolderWriter folder, EffectsWriter effects)
      throws IOException {
    DictionaryConfig config = dictionary.config();
    FeatureManifest.Source source =
        new FeatureManifest.Source(
            "dictionary",
            "0".repeat(64),
            config.isAutoencoder() ? "autoencoder" : "transcoder",
            config.features(),
            config.inputWidth(),
            List.of(config.inputHook()),
            config.outputs().stream().map(site -> site.hook()).toList());
    FeatureManifest manifest =
        new FeatureManifest(
            source,
            new FeatureManifest.Stored(
                store.folder().toString(), config.inputHook(), store.rows(), "tiny", "tiny"),
            store.rows(),
            0,
            store.rows(),
            FeatureManifest.Histogram.QUARTER_DECADES,
            new FeatureManifest.Window(AROUND, AROUND),
            TOP,
            0,
            Optional.empty(),
            0,
            Map.of());
    folder.tokens(TokenTable.of(IntStream.range(0, 48).mapToObj(TinyFolder::word).toList()));
    List<DocumentTable.Document> names = new ArrayList<>();
    for (long start : starts) {
      names.add(new DocumentTable.Document("text-" + names.size(), start));
    }
    folder.documents(DocumentTable.of(names));
    folder.features(source, manifest.histogram().bins(), this::put);
    folder.contexts(
        config.features(),
        to -> {
          for (int feature = 0; feature < config.features(); feature++) {
            for (FeatureContext context : contexts(feature)) {
              to.put(context);
            }
          }
        });
    return effects == null ? manifest : effects.write(folder, manifest, done -> {});
  }

  private void put(int feature, TableWriter row) {
    float[] values = activations(feature);
    long count = 0;
    float max = 0;
    for (float value : values) {
      count += value > 0 ? 1 : 0;
      max = Math.max(max, value);
    }
    row.column("count").put(count);
    row.column("density").put((float) count / values.length);
    row.column("mean").put(max / 2);
    row.column("max").put(max);
    row.column("histogram").put(new int[FeatureManifest.Histogram.QUARTER_DECADES.bins()]);
    row.column("encoder_norm").put(1f);
    row.column("decoder_norm").put(1f);
    row.column("cosine").putNull();
    row.column("active_share").putNull();
    row.column("similar").put(IntStream.range(0, FeatureTable.SIMILAR).toArray());
    row.column("similar_cosine").put(new float[FeatureTable.SIMILAR]);
    row.column("dead").put(count == 0);
  }

  private List<FeatureContext> contexts(int feature) {
    float[] values = activations(feature);
    List<Integer> order =
        IntStream.range(0, values.length)
            .filter(row -> values[row] > 0)
            .boxed()
            .sorted(Comparator.comparingDouble(row -> -values[row]))
            .limit(TOP)
            .toList();
    List<FeatureContext> contexts = new ArrayList<>();
    for (int row : order) {
      int document = documents[row];
      int position = (int) (row - starts[document]);
      int from = Math.max((int) starts[document], row - AROUND);
      int to = row;
      while (to < tokens.length && to <= row + AROUND && documents[to] == document) {
        to++;
      }
      int[] ids = new int[to - from];
      float[] around = new float[to - from];
      for (int i = from; i < to; i++) {
        ids[i - from] = tokens[i];
        around[i - from] = values[i];
      }
      contexts.add(
          new FeatureContext(
              feature,
              FeatureContexts.TOP,
              contexts.size(),
              row,
              document,
              position,
              values[row],
              (int) (from - starts[document]),
              ids,
              around));
    }
    return contexts;
  }

  private float[] activations(int feature) {
    DictionaryParameters weights = dictionary.parameters();
    int width = weights.inputWidth();
    boolean centred = dictionary.config().subtractDecoderBias();
    float[] values = new float[(int) store.rows()];
    for (Shard shard : store.shards()) {
      MemorySegment data = shard.data(dictionary.config().inputHook());
      for (int row = 0; row < shard.rows(); row++) {
        double sum = weights.encoderBias().getAtIndex(DictionaryParameters.FLOAT, feature);
        for (int i = 0; i < width; i++) {
          float shift =
              centred ? weights.decoderBias().getAtIndex(DictionaryParameters.FLOAT, i) : 0;
          float x = data.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, (long) row * width + i);
          sum +=
              (double)
                      weights
                          .encoder()
                          .getAtIndex(DictionaryParameters.FLOAT, (long) feature * width + i)
                  * (x - shift);
        }
        values[(int) shard.firstRow() + row] = (float) Math.max(0, sum);
      }
    }
    return values;
  }

  private int[] numbers(String column) {
    return store.shards().stream()
        .flatMapToInt(
            shard -> IntStream.of(shard.data(column).toArray(ValueLayout.JAVA_INT_UNALIGNED)))
        .toArray();
  }
}
