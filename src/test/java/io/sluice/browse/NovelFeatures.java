package io.sluice.browse;

import io.sluice.features.FeatureContext;
import io.sluice.features.FeatureContexts;
import io.sluice.features.FeatureFolder;
import io.sluice.features.FeatureFolderWriter;
import io.sluice.features.FeatureManifest;
import io.sluice.features.HeadShares;
import io.sluice.features.LogitEffects;
import io.sluice.features.Sources;
import io.sluice.store.DocumentTable;
import io.sluice.store.TokenTable;
import io.sluice.store.tables.TableWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A folder of features with all that one can have, over the beginning of the demo's novel: each
 * feature fires on a word of it. For tests of pages, and to look at them.
 */
final class NovelFeatures {
  /** A token text that would do harm if it became markup; features 0 and 1 fire on it. */
  static final String HOSTILE =
      "</script><img src=x onerror=\"document.title='ran'\">\u202e\ud800{{data}}";

  static final int HEADS = 9;
  private static final int TOKENS = 60_000;
  private static final int BEFORE = 24;
  private static final int AFTER = 8;
  private static final Pattern PIECE = Pattern.compile("\\n+|[^\\S\\n]*(?:[\\w’]+|[^\\w\\s])");

  private final List<String> vocabulary = new ArrayList<>();
  private final int[] text = new int[TOKENS];
  private final List<List<Integer>> places = new ArrayList<>();
  private final String name;
  private final int features;
  private final double dead;

  private NovelFeatures(String name, int features, double dead) throws IOException {
    this.name = name;
    this.features = features;
    this.dead = dead;
    Map<String, Integer> ids = new LinkedHashMap<>();
    ids.put(HOSTILE, 0);
    String novel =
        Files.readString(Path.of(System.getProperty("basedir", "."), "datasets", "moby-dick.txt"));
    Matcher pieces = PIECE.matcher(novel);
    for (int i = 0; i < TOKENS && pieces.find(); i++) {
      String piece = i % 5000 == 2500 ? HOSTILE : pieces.group();
      text[i] = ids.computeIfAbsent(piece, none -> ids.size());
    }
    vocabulary.addAll(ids.keySet());
    vocabulary.forEach(none -> places.add(new ArrayList<>()));
    for (int i = 0; i < TOKENS; i++) {
      places.get(text[i]).add(i);
    }
  }

  /**
   * Writes a folder.
   *
   * @param dead share of features that fire nowhere
   */
  static FeatureFolder write(Path folder, int features, double dead) throws IOException {
    return write(folder, "asi-centred", features, dead);
  }

  /** The same of a dictionary with another name, which has other weights. */
  static FeatureFolder write(Path folder, String name, int features, double dead)
      throws IOException {
    NovelFeatures made = new NovelFeatures(name, features, dead);
    FeatureFolderWriter.write(folder, made::writeTo);
    return FeatureFolder.open(folder);
  }

  private FeatureManifest writeTo(FeatureFolderWriter folder) throws IOException {
    FeatureManifest manifest =
        new FeatureManifest(
            new FeatureManifest.Source(
                "demo/runs/" + name,
                sha256(name),
                "autoencoder",
                features,
                576,
                List.of("layers.9.attn_out"),
                List.of("layers.9.attn_out")),
            new FeatureManifest.Stored(
                "demo/activations", "layers.9.attn_out", TOKENS, "models/SmolLM2-135M", "SmolLM2"),
            TOKENS,
            0,
            50_000,
            FeatureManifest.Histogram.QUARTER_DECADES,
            new FeatureManifest.Window(BEFORE, AFTER),
            20,
            8,
            Optional.of("models/SmolLM2-135M"),
            HEADS,
            Map.of());
    folder.tokens(TokenTable.of(vocabulary));
    folder.documents(DocumentTable.of(List.of(new DocumentTable.Document("moby-dick.txt", 0))));
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
    folder.table(LogitEffects.FILE_NAME, LogitEffects.COLUMNS, 1 << 16, table -> putLogits(table));
    folder.table(
        HeadShares.FILE_NAME, HeadShares.columns(HEADS), 1 << 16, table -> putHeads(table));
    folder.table(Sources.FILE_NAME, Sources.COLUMNS, 1 << 16, table -> putSources(table));
    return manifest;
  }

  /** What stands for the checksum of a dictionary's weights. */
  static String sha256(String name) {
    return "%064x".formatted(name.hashCode());
  }

  private int word(int feature) {
    return feature < 2 ? 0 : new Random(31L * feature).nextInt(vocabulary.size());
  }

  private boolean fires(int feature) {
    return feature < 2 || new Random(77L * feature).nextDouble() >= dead;
  }

  private float max(int feature) {
    return !fires(feature)
        ? 0
        : (float) Math.exp(0.7 + 0.8 * new Random(5L * feature).nextGaussian());
  }

  private int count(int feature) {
    return fires(feature) ? places.get(word(feature)).size() * 3 : 0;
  }

  private void put(int feature, TableWriter row) {
    Random random = new Random(feature);
    int count = count(feature);
    float max = max(feature);
    row.column("count").put(count);
    row.column("density").put((float) count / TOKENS);
    row.column("mean").put(max * 0.37f);
    row.column("max").put(max);
    int[] histogram = new int[32];
    for (int i = 0; i < count; i++) {
      double value = max * Math.min(1, Math.exp(-1.2 + 0.55 * random.nextGaussian()));
      histogram[FeatureManifest.Histogram.QUARTER_DECADES.bin(value)]++;
    }
    row.column("histogram").put(histogram);
    row.column("encoder_norm").put(1 + random.nextFloat());
    row.column("decoder_norm").put(1f);
    row.column("cosine").put(0.4f + 0.5f * random.nextFloat());
    row.column("active_share").put(0.7f + 0.3f * random.nextFloat());
    int[] similar = new int[5];
    float[] cosines = new float[5];
    float first = 0.25f + 0.7f * random.nextFloat();
    for (int i = 0; i < 5; i++) {
      similar[i] = (feature + 1 + 17 * i) % features;
      cosines[i] = first - 0.04f * i;
    }
    row.column("similar").put(similar);
    row.column("similar_cosine").put(cosines);
    row.column("dead").put(count == 0 || places.get(word(feature)).getLast() < TOKENS - 50_000);
  }

  private List<FeatureContext> contexts(int feature) {
    List<FeatureContext> all = new ArrayList<>();
    if (!fires(feature)) {
      return all;
    }
    Random random = new Random(~feature);
    List<Integer> where = places.get(word(feature));
    for (int i = 0; i < Math.min(28, where.size()); i++) {
      int position = where.get(i);
      int first = Math.max(0, position - BEFORE);
      int end = Math.min(TOKENS, position + AFTER + 1);
      float activation = max(feature) * (float) Math.pow(0.95, i);
      int[] tokens = new int[end - first];
      float[] activations = new float[end - first];
      for (int at = first; at < end; at++) {
        tokens[at - first] = text[at];
        double near = Math.exp(-Math.abs(at - position) / 2.0);
        boolean also = text[at] == text[position] || random.nextInt(7) == 0;
        activations[at - first] = also ? (float) (activation * near * random.nextDouble()) : 0;
      }
      activations[position - first] = activation;
      all.add(
          new FeatureContext(
              feature,
              i < 20 ? FeatureContexts.TOP : 1 + i - 20,
              i < 20 ? i : 0,
              position,
              0,
              position,
              activation,
              first,
              tokens,
              activations));
    }
    return all;
  }

  private void putLogits(TableWriter table) throws IOException {
    for (int feature = 0; feature < features; feature++) {
      Random random = new Random(3L * feature);
      for (String kind : List.of("promotes", "suppresses")) {
        int[] ids = new int[10];
        float[] logits = new float[10];
        float next = 2 + 2 * random.nextFloat();
        for (int i = 0; i < 10; i++) {
          ids[i] = random.nextInt(vocabulary.size());
          logits[i] = kind.equals("promotes") ? next : -next;
          next *= 0.85f + 0.13f * random.nextFloat();
        }
        table.column(kind).put(ids);
        table.column(kind + "_logit").put(logits);
      }
      table.endRow();
    }
  }

  private void putHeads(TableWriter table) throws IOException {
    for (int feature = 0; feature < features; feature++) {
      Random random = new Random(9L * feature);
      float[] shares = new float[HEADS];
      for (int head = 0; head < HEADS; head++) {
        shares[head] = 0.12f * random.nextFloat() - 0.02f;
      }
      shares[random.nextInt(HEADS)] = 0.55f;
      table.column("share").put(shares);
      table.column("bias").put(0.04f);
      table.endRow();
    }
  }

  private void putSources(TableWriter table) throws IOException {
    for (int feature = 0; feature < features; feature++) {
      Random random = new Random(13L * feature);
      for (FeatureContext context : contexts(feature)) {
        if (context.kind() != FeatureContexts.TOP) {
          continue;
        }
        int[] positions = new int[12];
        int[] heads = new int[12];
        float[] given = new float[12];
        float left = context.activation();
        for (int i = 0; i < 12; i++) {
          positions[i] = Math.max(-1, context.position() - random.nextInt(i < 9 ? 12 : 40));
          heads[i] = random.nextInt(HEADS);
          given[i] = left * 0.35f * (random.nextInt(6) == 0 ? -0.4f : 1);
          left -= given[i];
        }
        table.column("feature").put(feature);
        table.column("rank").put(context.rank());
        table.column("positions").put(positions);
        table.column("heads").put(heads);
        table.column("contribution").put(given);
        table.column("rest").put(left / 2);
        table.column("bias").put(left - left / 2);
        table.endRow();
      }
    }
  }

  /** Writes the folder that the arguments name, of so many features, so large a share dead. */
  public static void main(String[] arguments) throws IOException {
    write(Path.of(arguments[0]), Integer.parseInt(arguments[1]), Double.parseDouble(arguments[2]));
  }
}
