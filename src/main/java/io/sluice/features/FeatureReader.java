package io.sluice.features;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Reads single features of a folder as they are shown: with texts in the place of ids. Safe for use
 * by several threads.
 */
public final class FeatureReader {
  private final FeatureFolder folder;
  private final Optional<LogitEffects> logits;
  private final Optional<HeadShares> heads;
  private final Optional<Sources> sources;

  /**
   * A reader of a folder.
   *
   * @throws IOException if one of its files is damaged
   */
  public FeatureReader(FeatureFolder folder) throws IOException {
    this.folder = folder;
    this.logits = LogitEffects.open(folder);
    this.heads = HeadShares.open(folder);
    this.sources = Sources.open(folder);
  }

  /** The folder. */
  public FeatureFolder folder() {
    return folder;
  }

  /**
   * Reads a feature.
   *
   * @throws IllegalArgumentException if there is no such feature
   * @throws java.io.UncheckedIOException if a file is damaged there
   */
  public Feature read(int feature) {
    FeatureTable table = folder.features();
    if (feature < 0 || feature >= table.features()) {
      throw new IllegalArgumentException(
          "there is no feature %d in %s; there are %,d, from 0"
              .formatted(feature, folder.path(), table.features()));
    }
    OptionalInt group = folder.manifest().dictionary().group(feature);
    List<Feature.Context> top = new ArrayList<>();
    List<Feature.Context> lower = new ArrayList<>();
    for (FeatureContext context : folder.contexts().of(feature)) {
      (context.kind() == FeatureContexts.TOP ? top : lower).add(context(context));
    }
    return new Feature(
        feature,
        table.count(feature),
        table.density(feature),
        table.mean(feature),
        table.max(feature),
        table.dead(feature),
        bins(table.histogram(feature)),
        table.encoderNorm(feature),
        table.decoderNorm(feature),
        present(table.cosine(feature)),
        present(table.activeShare(feature)),
        top,
        lower,
        logits
            .map(effects -> effects(effects.promotes(feature), effects.promotesLogit(feature)))
            .orElse(List.of()),
        logits
            .map(effects -> effects(effects.suppresses(feature), effects.suppressesLogit(feature)))
            .orElse(List.of()),
        heads.map(shares -> list(shares.of(feature))).orElse(List.of()),
        group.isPresent() ? Integer.valueOf(group.getAsInt()) : null,
        similar(table.similar(feature), table.similarCosine(feature)));
  }

  private Feature.Context context(FeatureContext context) {
    List<Feature.Token> tokens = new ArrayList<>();
    for (int i = 0; i < context.tokens().length; i++) {
      tokens.add(
          new Feature.Token(folder.tokens().text(context.tokens()[i]), context.activations()[i]));
    }
    boolean known = context.document() >= 0 && context.document() < folder.documents().count();
    return new Feature.Context(
        context.row(),
        known ? folder.documents().name(context.document()) : null,
        context.position(),
        context.activation(),
        context.first(),
        tokens,
        context.kind() == FeatureContexts.TOP ? sources(context) : List.of());
  }

  private List<Feature.Source> sources(FeatureContext context) {
    List<Feature.Source> list = new ArrayList<>();
    sources
        .flatMap(all -> all.of(context.feature(), context.rank()))
        .ifPresent(
            split -> {
              for (int i = 0; i < split.positions().length; i++) {
                list.add(
                    new Feature.Source(
                        split.positions()[i], split.heads()[i], split.contributions()[i]));
              }
            });
    return list;
  }

  private List<Feature.Bin> bins(long[] counts) {
    FeatureManifest.Histogram scale = folder.manifest().histogram();
    List<Feature.Bin> bins = new ArrayList<>();
    for (int i = 0; i < counts.length; i++) {
      bins.add(new Feature.Bin(scale.edge(i), scale.edge(i + 1), counts[i]));
    }
    return bins;
  }

  private List<Feature.Effect> effects(int[] ids, float[] values) {
    List<Feature.Effect> effects = new ArrayList<>();
    for (int i = 0; i < ids.length; i++) {
      if (ids[i] >= 0) {
        effects.add(new Feature.Effect(folder.tokens().text(ids[i]), ids[i], values[i]));
      }
    }
    return effects;
  }

  private static List<Feature.Similar> similar(int[] features, float[] cosines) {
    List<Feature.Similar> similar = new ArrayList<>();
    for (int i = 0; i < features.length; i++) {
      if (features[i] >= 0) {
        similar.add(new Feature.Similar(features[i], cosines[i]));
      }
    }
    return similar;
  }

  private static List<Float> list(float[] values) {
    List<Float> list = new ArrayList<>();
    for (float value : values) {
      list.add(value);
    }
    return list;
  }

  private static Float present(float value) {
    return Float.isNaN(value) ? null : value;
  }
}
