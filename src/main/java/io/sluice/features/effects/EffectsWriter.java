package io.sluice.features.effects;

import io.sluice.dictionary.Dictionary;
import io.sluice.features.FeatureContext;
import io.sluice.features.FeatureContexts;
import io.sluice.features.FeatureFolderWriter;
import io.sluice.features.FeatureManifest;
import io.sluice.features.HeadShares;
import io.sluice.features.LogitEffects;
import io.sluice.features.Sources;
import io.sluice.features.gather.FeatureLayer;
import io.sluice.model.LanguageModel;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.ActivationStore;
import io.sluice.store.tables.ColumnBuffer;
import io.sluice.store.tables.TableWriter;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongConsumer;

/**
 * Writes what a model says about the features of a folder: {@code logits.arrow} for a causal model,
 * and {@code heads.arrow} and {@code sources.arrow} where sources are known, as for a dictionary
 * that reads {@code attn_out} or {@code z}. Each is left out where it does not apply.
 */
public final class EffectsWriter {
  private static final int ROWS_PER_BATCH = 1 << 14;

  /** Contexts whose sources are in memory at a time: about 200 MB. */
  private static final int MOST_CONTEXTS = 1 << 18;

  /** By how much activations of the model and of the store may differ, as a share of their sum. */
  private static final double LARGEST_DIFFERENCE = 0.05;

  private final LoadedModel model;
  private final List<FeatureLayer> layers;
  private final int features;
  private final LanguageModel language;

  /** Why logit effects are left out; null if they are not. */
  private final String withoutLogits;

  /** Why heads and sources are left out; null if they are not. */
  private final String withoutSources;

  private final SourceFinder sources;

  /**
   * The effects of features with these sources.
   *
   * @param layers the rows; those of all layers of a cross-layer transcoder
   * @param sources null where there are none
   * @param withoutSources why there are none; null if there are
   * @throws IllegalArgumentException if the model is not that of the rows, or nothing applies; one
   *     line
   */
  public EffectsWriter(
      LoadedModel model, List<FeatureLayer> layers, SourceFinder sources, String withoutSources) {
    this.model = model;
    this.layers = List.copyOf(layers);
    this.features = layers.stream().mapToInt(layer -> layer.parameters().features()).sum();
    this.language = model.transformer() instanceof LanguageModel causal ? causal : null;
    this.withoutLogits =
        language == null
            ? model.name() + " is an encoder, which predicts no next tokens"
            : PromotedTokens.refusal(language, layers.getFirst().outputs());
    this.withoutSources = withoutSources;
    if (withoutLogits != null && withoutSources != null) {
      throw new IllegalArgumentException(
          "leave --model out: " + withoutLogits + ", and " + withoutSources);
    }
    this.sources = sources;
    if (withoutLogits == null) {
      layers.forEach(layer -> new PromotedTokens(language, layer));
    }
  }

  /**
   * The effects of a dictionary's features; checks what applies, before any work.
   *
   * @param layers the dictionary; those of all layers of a cross-layer transcoder
   * @throws IllegalArgumentException if the model is not that of the dictionary, or nothing
   *     applies; one line
   * @throws IOException if the store cannot be read
   */
  public static EffectsWriter of(LoadedModel model, ActivationStore store, List<Dictionary> layers)
      throws IOException {
    Dictionary first = layers.getFirst();
    String without =
        layers.size() > 1
            ? "the dictionary reads several layers, so its activations are not sums over the heads"
                + " of one"
            : SourcePass.refusal(first.config());
    SourceFinder sources = without == null ? new SourcePass(model, store, first) : null;
    return new EffectsWriter(
        model, layers.stream().map(FeatureLayer::of).toList(), sources, without);
  }

  /** What is left out and why, a line each. */
  public List<String> leftOut() {
    List<String> lines = new ArrayList<>();
    if (withoutLogits != null) {
      lines.add("without promoted tokens: " + withoutLogits);
    }
    if (withoutSources != null) {
      lines.add("without heads and sources: " + withoutSources);
    }
    return lines;
  }

  /**
   * Writes the files, from the contexts that the folder has already.
   *
   * @param progress receives how many features are done, of {@link #steps}
   * @return the manifest with the model
   * @throws IOException if a file cannot be read or written, or the model computes other
   *     activations than the store has
   */
  public FeatureManifest write(
      FeatureFolderWriter folder, FeatureManifest manifest, LongConsumer progress)
      throws IOException {
    int done = 0;
    if (withoutLogits == null) {
      writeLogits(folder, progress);
      done = features;
    }
    if (withoutSources == null) {
      FeatureContexts contexts = FeatureContexts.open(folder.folder(), features);
      float[] shares = new float[Math.multiplyExact(features, sources.heads() + 1)];
      int before = done;
      folder.table(
          Sources.FILE_NAME,
          Sources.COLUMNS,
          ROWS_PER_BATCH,
          table ->
              writeSources(
                  table, contexts, manifest.top(), shares, now -> progress.accept(before + now)));
      writeHeads(folder, shares);
    }
    return manifest.withModel(model.name(), withoutSources == null ? sources.heads() : 0);
  }

  /** How many features {@link #write} counts in all: each once for each kind of effect. */
  public long steps() {
    return (withoutLogits == null ? features : 0L) + (withoutSources == null ? features : 0L);
  }

  private void writeLogits(FeatureFolderWriter folder, LongConsumer progress) throws IOException {
    folder.table(
        LogitEffects.FILE_NAME,
        LogitEffects.COLUMNS,
        ROWS_PER_BATCH,
        table -> {
          int first = 0;
          for (FeatureLayer layer : layers) {
            int before = first;
            new PromotedTokens(language, layer)
                .run(
                    (feature, promoted, suppressed) -> {
                      table.column("promotes").put(ids(promoted));
                      table.column("promotes_logit").put(logits(promoted));
                      table.column("suppresses").put(ids(suppressed));
                      table.column("suppresses_logit").put(logits(suppressed));
                      table.endRow();
                    },
                    done -> progress.accept(before + done));
            first += layer.parameters().features();
          }
        });
  }

  private static int[] ids(PromotedTokens.Ranking ranking) {
    int[] ids = new int[LogitEffects.MOST];
    Arrays.fill(ids, -1);
    for (int i = 0; i < ranking.count(); i++) {
      ids[i] = ranking.id(i);
    }
    return ids;
  }

  private static float[] logits(PromotedTokens.Ranking ranking) {
    float[] logits = new float[LogitEffects.MOST];
    for (int i = 0; i < ranking.count(); i++) {
      logits[i] = ranking.logit(i);
    }
    return logits;
  }

  private void writeSources(
      TableWriter table, FeatureContexts contexts, int top, float[] shares, LongConsumer progress)
      throws IOException {
    int step = Math.max(1, MOST_CONTEXTS / Math.max(1, top));
    for (int first = 0; first < features; first += step) {
      int end = Math.min(features, first + step);
      List<FeatureContext> wanted = new ArrayList<>();
      for (int feature = first; feature < end; feature++) {
        wanted.addAll(contexts.of(feature, FeatureContexts.TOP));
      }
      int before = first;
      SourceBlock block =
          sources.of(
              wanted.stream().mapToInt(FeatureContext::feature).toArray(),
              wanted.stream().mapToLong(FeatureContext::row).toArray(),
              done -> progress.accept(before + (end - before) * done / wanted.size()));
      requireSame(wanted, block);
      addRows(table, wanted, block);
      addShares(wanted, block, shares);
      progress.accept(end);
    }
  }

  /** Activations differ a little where the store or the model is less precise than float32. */
  private void requireSame(List<FeatureContext> contexts, SourceBlock block) throws IOException {
    double difference = 0;
    double all = 0;
    for (int e = 0; e < block.entries(); e++) {
      difference += Math.abs(block.activation(e) - contexts.get(e).activation());
      all += Math.abs(contexts.get(e).activation());
    }
    if (difference > LARGEST_DIFFERENCE * all) {
      FeatureContext context = contexts.getFirst();
      throw new IOException(
          ("%s computes other activations than the store has (feature %d at row %d: %.4g, not"
                  + " %.4g); give the model that was captured")
              .formatted(
                  model.name(),
                  context.feature(),
                  context.row(),
                  block.activation(0),
                  context.activation()));
    }
  }

  private static void addRows(TableWriter table, List<FeatureContext> contexts, SourceBlock block)
      throws IOException {
    ColumnBuffer feature = table.column("feature");
    ColumnBuffer rank = table.column("rank");
    ColumnBuffer positions = table.column("positions");
    ColumnBuffer heads = table.column("heads");
    ColumnBuffer contribution = table.column("contribution");
    ColumnBuffer rest = table.column("rest");
    ColumnBuffer bias = table.column("bias");
    for (int e = 0; e < block.entries(); e++) {
      int count = block.count(e);
      int[] where = new int[count];
      int[] which = new int[block.splitsByHead() ? count : 0];
      float[] values = new float[count];
      for (int i = 0; i < count; i++) {
        where[i] = contexts.get(e).position() + block.offset(e, i);
        if (block.splitsByHead()) {
          which[i] = block.head(e, i);
        }
        values[i] = block.contribution(e, i);
      }
      feature.put(contexts.get(e).feature());
      rank.put(contexts.get(e).rank());
      positions.put(where);
      heads.put(which);
      contribution.put(values);
      rest.put(block.rest(e));
      bias.put(block.bias(e));
      table.endRow();
    }
  }

  /** Adds the shares of heads, and of biases last, for the features of a block. */
  private void addShares(List<FeatureContext> contexts, SourceBlock block, float[] shares) {
    int width = sources.heads() + 1;
    int from = 0;
    while (from < block.entries()) {
      int feature = contexts.get(from).feature();
      double[] sums = new double[width];
      double all = 0;
      int e = from;
      for (; e < block.entries() && contexts.get(e).feature() == feature; e++) {
        // Of AbsTopK activations may be negative; a head's share is of their sizes.
        float sign = Math.signum(block.activation(e));
        for (int head = 0; head < width - 1; head++) {
          sums[head] += sign * block.ofHead(e, head);
        }
        sums[width - 1] += sign * block.headBias(e);
        all += sign * block.written(e);
      }
      for (int i = 0; i < width; i++) {
        shares[feature * width + i] = all == 0 ? 0 : (float) (sums[i] / all);
      }
      from = e;
    }
  }

  private void writeHeads(FeatureFolderWriter folder, float[] shares) throws IOException {
    int heads = sources.heads();
    folder.table(
        HeadShares.FILE_NAME,
        HeadShares.columns(heads),
        ROWS_PER_BATCH,
        table -> {
          for (int feature = 0; feature < features; feature++) {
            table.column("share").put(shares, feature * (heads + 1), heads);
            table.column("bias").put(shares[feature * (heads + 1) + heads]);
            table.endRow();
          }
        });
  }
}
