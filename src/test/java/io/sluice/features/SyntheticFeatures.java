package io.sluice.features;

import io.sluice.features.FeatureManifest.Histogram;
import io.sluice.features.FeatureManifest.Source;
import io.sluice.features.FeatureManifest.Stored;
import io.sluice.features.FeatureManifest.Window;
import io.sluice.store.DocumentTable;
import io.sluice.store.TokenTable;
import io.sluice.store.tables.TableWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;

/**
 * A folder of features whose numbers are drawn, for tests that read one. The same arguments give
 * the same folder. Every seventh feature fires on no token.
 */
public final class SyntheticFeatures {
  /** The words of the text: token i is word i, with a space before it. */
  public static final List<String> WORDS =
      List.of(
          "whale",
          "sea",
          "ship",
          "the",
          "of",
          "Ishmael",
          "harpoon",
          "and",
          "white",
          "captain",
          "\u0416",
          "<b>",
          "\"quoted\"",
          "storm",
          "boat",
          "deep");

  private static final int ROWS = 4000;
  private static final int ROWS_PER_DOCUMENT = 400;
  private static final Window WINDOW = new Window(24, 8);

  private final int features;
  private final int top;
  private final int lower;

  private SyntheticFeatures(int features, int top, int lower) {
    this.features = features;
    this.top = top;
    this.lower = lower;
  }

  /** A folder with 5 top contexts and 3 of lower quantiles. */
  public static FeatureFolder write(Path folder, int features) throws IOException {
    return write(folder, features, 5, 3);
  }

  /** A folder. */
  public static FeatureFolder write(Path folder, int features, int top, int lower)
      throws IOException {
    SyntheticFeatures drawn = new SyntheticFeatures(features, top, lower);
    FeatureFolderWriter.write(folder, drawn::writeTo);
    return FeatureFolder.open(folder);
  }

  /** The manifest without its files. */
  public FeatureManifest manifest() {
    return new FeatureManifest(
        new Source(
            "runs/drawn",
            "0".repeat(64),
            "autoencoder",
            features,
            16,
            List.of("layers.0.attn_out"),
            List.of("layers.0.attn_out")),
        new Stored("drawn-store", "layers.0.attn_out", ROWS, "tiny", "tiny"),
        ROWS,
        0,
        ROWS,
        Histogram.QUARTER_DECADES,
        WINDOW,
        top,
        lower,
        Optional.empty(),
        0,
        Map.of());
  }

  private FeatureManifest writeTo(FeatureFolderWriter folder) throws IOException {
    FeatureManifest manifest = manifest();
    folder.tokens(TokenTable.of(WORDS.stream().map(word -> " " + word).toList()));
    List<DocumentTable.Document> documents = new ArrayList<>();
    for (int row = 0; row < ROWS; row += ROWS_PER_DOCUMENT) {
      documents.add(new DocumentTable.Document("chapter " + (documents.size() + 1), row));
    }
    folder.documents(DocumentTable.of(documents));
    folder.features(manifest.dictionary(), manifest.histogram().bins(), this::put);
    folder.contexts(
        features,
        to -> {
          for (int feature = 0; feature < features; feature++) {
            for (FeatureContext context : contexts(feature)) {
              to.put(context);
            }
          }
        });
    return manifest;
  }

  /** The token at a row of the text. */
  public static int token(long row) {
    return (int) (row * row * 31 + row * 7) % WORDS.size();
  }

  /** Tokens on which a feature fires. */
  public static int count(int feature) {
    return feature % 7 == 6 ? 0 : 1 + ROWS / 2 / (1 + feature % 211);
  }

  private void put(int feature, TableWriter row) {
    Random random = new Random(feature);
    int count = count(feature);
    float max = count == 0 ? 0 : (float) Math.exp(2 * random.nextGaussian());
    row.column("count").put(count);
    row.column("density").put((float) count / ROWS);
    row.column("mean").put(max / 2);
    row.column("max").put(max);
    int[] histogram = new int[Histogram.QUARTER_DECADES.bins()];
    for (int i = 0; i < count; i++) {
      histogram[Histogram.QUARTER_DECADES.bin(max * (0.1 + 0.9 * random.nextDouble()))]++;
    }
    row.column("histogram").put(histogram);
    row.column("encoder_norm").put(1 + random.nextFloat());
    row.column("decoder_norm").put(1f);
    row.column("cosine").put(random.nextFloat());
    if (feature % 5 == 4) {
      row.column("active_share").putNull();
    } else {
      row.column("active_share").put(random.nextFloat());
    }
    int[] similar = new int[FeatureTable.SIMILAR];
    float[] cosines = new float[FeatureTable.SIMILAR];
    for (int i = 0; i < similar.length; i++) {
      similar[i] = i + 1 < features ? (feature + i + 1) % features : -1;
      cosines[i] = similar[i] < 0 ? Float.NaN : 0.9f - 0.1f * i;
    }
    row.column("similar").put(similar);
    row.column("similar_cosine").put(cosines);
    row.column("dead").put(count == 0);
  }

  private List<FeatureContext> contexts(int feature) {
    Random random = new Random(~feature);
    List<FeatureContext> all = new ArrayList<>();
    for (int i = 0; i < Math.min(count(feature), top + lower); i++) {
      long row = random.nextInt(ROWS);
      int document = (int) (row / ROWS_PER_DOCUMENT);
      int position = (int) (row % ROWS_PER_DOCUMENT);
      int first = Math.max(0, position - WINDOW.before());
      int end = Math.min(ROWS_PER_DOCUMENT, position + WINDOW.after() + 1);
      float activation = 4f / (1 + i);
      float[] activations = new float[end - first];
      int[] tokens = new int[end - first];
      for (int at = 0; at < tokens.length; at++) {
        tokens[at] = token(document * (long) ROWS_PER_DOCUMENT + first + at);
        activations[at] = random.nextInt(6) == 0 ? activation * random.nextFloat() : 0;
      }
      activations[position - first] = activation;
      all.add(
          new FeatureContext(
              feature,
              i < top ? FeatureContexts.TOP : 1 + i - top,
              i < top ? i : 0,
              row,
              document,
              position,
              activation,
              first,
              tokens,
              activations));
    }
    return all;
  }

  /** The contexts that a folder of these arguments has of a feature. */
  public static List<FeatureContext> contexts(int feature, int top, int lower) {
    return new SyntheticFeatures(feature + 1, top, lower).contexts(feature);
  }

  /** Whether two contexts are equal, also in their arrays. */
  static boolean same(FeatureContext one, FeatureContext other) {
    return one.feature() == other.feature()
        && one.kind() == other.kind()
        && one.rank() == other.rank()
        && one.row() == other.row()
        && one.document() == other.document()
        && one.position() == other.position()
        && one.activation() == other.activation()
        && one.first() == other.first()
        && Arrays.equals(one.tokens(), other.tokens())
        && Arrays.equals(one.activations(), other.activations());
  }
}
