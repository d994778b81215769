package io.sluice.features;

import io.sluice.store.tables.TableFile;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The contents of {@code features.json}: where the features come from, and the settings of the
 * pass.
 *
 * @param dictionary the dictionary
 * @param store the store
 * @param tokens rows of the store that were read; densities are shares of it
 * @param firstPosition the first position of a context that was read
 * @param deadWindow a feature is dead if it fired on none of the last {@code deadWindow} tokens
 * @param histogram the bins of the histograms
 * @param window the tokens around the one where a feature fires
 * @param top contexts with the largest activations that are kept of each feature, at most
 * @param lower contexts from lower quantiles that are kept of each feature, at most
 * @param model the model that logits, heads and sources were computed with
 * @param heads heads of the model's layer in {@code heads.arrow} and {@code sources.arrow}; 0 where
 *     there are none
 * @param files the other files of the folder, by name
 */
public record FeatureManifest(
    Source dictionary,
    Stored store,
    long tokens,
    int firstPosition,
    long deadWindow,
    Histogram histogram,
    Window window,
    int top,
    int lower,
    Optional<String> model,
    int heads,
    Map<String, TableFile> files) {
  /** The name of the manifest's file. */
  public static final String FILE_NAME = "features.json";

  /** The format's name and version. */
  public static final String FORMAT = "sluice.features/1";

  /**
   * The dictionary.
   *
   * @param path its folder, as the command was given it
   * @param sha256 the SHA-256 of its weights' file or files
   * @param kind {@code autoencoder}, {@code transcoder}, {@code crosscoder}, {@code cross-layer} or
   *     {@code lorsa}
   * @param features its features, of all layers one after the other
   * @param width the width of an encoder row
   * @param reads the hook points that it reads
   * @param writes the hook points that it writes
   * @param groups of a Lorsa, the groups of queries and keys that its heads share; else 0
   */
  public record Source(
      String path,
      String sha256,
      String kind,
      int features,
      int width,
      List<String> reads,
      List<String> writes,
      int groups) {
    public Source {
      Objects.requireNonNull(path, "path");
      Objects.requireNonNull(sha256, "sha256");
      Objects.requireNonNull(kind, "kind");
      reads = List.copyOf(reads);
      writes = List.copyOf(writes);
      requireAtLeast(1, features, "features");
      requireAtLeast(1, width, "width");
      requireAtLeast(1, reads.size(), "reads");
      requireAtLeast(1, writes.size(), "writes");
      if (groups < 0 || groups > 0 && features % groups != 0) {
        throw new IllegalArgumentException(
            "groups is %d, which does not divide the %d features".formatted(groups, features));
      }
    }

    /** A dictionary, whose features have no attention of their own. */
    public Source(
        String path,
        String sha256,
        String kind,
        int features,
        int width,
        List<String> reads,
        List<String> writes) {
      this(path, sha256, kind, features, width, reads, writes, 0);
    }

    /** The group of queries and keys that a feature attends with, if it has its own attention. */
    public OptionalInt group(int feature) {
      return groups == 0 ? OptionalInt.empty() : OptionalInt.of(feature / (features / groups));
    }

    /** Whether decoder norms are also given by hook point. */
    public boolean hasSites() {
      return writes.size() > 1;
    }
  }

  /**
   * The store.
   *
   * @param path its folder, as the command was given it
   * @param hook the hook point that was read; several are separated by commas
   * @param rows its rows
   * @param model the model that it was captured from
   * @param tokenizer a name for the tokenizer of its token texts
   */
  public record Stored(String path, String hook, long rows, String model, String tokenizer) {
    public Stored {
      Objects.requireNonNull(path, "path");
      Objects.requireNonNull(hook, "hook");
      Objects.requireNonNull(model, "model");
      Objects.requireNonNull(tokenizer, "tokenizer");
      requireAtLeast(0, rows, "rows");
    }
  }

  /**
   * Bins of log10 of the activation. Bin i begins at {@code first + i · step}; the first and the
   * last also hold what lies outside.
   *
   * @param first where the first bin begins
   * @param step the width of a bin
   * @param bins their number
   */
  public record Histogram(double first, double step, int bins) {
    /** From 1e-4 to 1e4, four bins a decade. */
    public static final Histogram QUARTER_DECADES = new Histogram(-4, 0.25, 32);

    public Histogram {
      requireAtLeast(1, bins, "histogram.bins");
      if (!(step > 0)) {
        throw new IllegalArgumentException("histogram.step is " + step + ", must be above 0");
      }
    }

    /** The bin of an activation above 0. */
    public int bin(double activation) {
      return Math.clamp((long) Math.floor((Math.log10(activation) - first) / step), 0, bins - 1);
    }

    /** The activation at which a bin begins. */
    public double edge(int bin) {
      return Math.pow(10, first + bin * step);
    }
  }

  /**
   * The tokens of a context.
   *
   * @param before tokens before the one where the feature fires, at most
   * @param after tokens after it, at most
   */
  public record Window(int before, int after) {
    public Window {
      requireAtLeast(0, before, "window.before");
      requireAtLeast(0, after, "window.after");
    }
  }

  /** Checks the numbers and copies the files. */
  public FeatureManifest {
    Objects.requireNonNull(dictionary, "dictionary");
    Objects.requireNonNull(store, "store");
    Objects.requireNonNull(histogram, "histogram");
    Objects.requireNonNull(window, "window");
    Objects.requireNonNull(model, "model");
    files = Collections.unmodifiableMap(new LinkedHashMap<>(files));
    requireAtLeast(0, tokens, "tokens");
    requireAtLeast(0, firstPosition, "first_position");
    requireAtLeast(0, deadWindow, "dead_window");
    requireAtLeast(0, top, "top");
    requireAtLeast(0, lower, "lower");
    requireAtLeast(0, heads, "heads");
  }

  /** The same with other files. */
  FeatureManifest with(Map<String, TableFile> written) {
    return new FeatureManifest(
        dictionary,
        store,
        tokens,
        firstPosition,
        deadWindow,
        histogram,
        window,
        top,
        lower,
        model,
        heads,
        written);
  }

  /** The same with what was computed with a model. */
  public FeatureManifest withModel(String name, int headCount) {
    return new FeatureManifest(
        dictionary,
        store,
        tokens,
        firstPosition,
        deadWindow,
        histogram,
        window,
        top,
        lower,
        Optional.of(name),
        headCount,
        files);
  }

  private static void requireAtLeast(long least, long value, String name) {
    if (value < least) {
      throw new IllegalArgumentException(
          "%s is %d, must be at least %d".formatted(name, value, least));
    }
  }
}
