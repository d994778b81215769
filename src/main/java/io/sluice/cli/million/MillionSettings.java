package io.sluice.cli.million;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * What a million demo trains on what.
 *
 * @param model the model's file or folder
 * @param texts the texts, in order
 * @param captured the most tokens to capture; 0 for all
 * @param hook the hook point
 * @param features features of the largest dictionary
 * @param k features per token
 * @param batch tokens per step
 * @param tokens tokens that each dictionary is trained on, over as many epochs as that takes
 * @param seed seed of all random numbers
 * @param device the device's label
 */
public record MillionSettings(
    Path model,
    List<Path> texts,
    long captured,
    String hook,
    int features,
    int k,
    int batch,
    long tokens,
    long seed,
    String device) {
  /** A million, as dictionaries count. */
  public static final int FEATURES = 1 << 20;

  /** The fewest tokens of each training, unless others are asked for. */
  public static final long TOKENS = 2_000_000;

  /** Each size of the scaling curve is this times the one before. */
  private static final int RATIO = 4;

  private static final int SIZES = 4;

  /** Checks the sizes. */
  public MillionSettings {
    texts = List.copyOf(texts);
    if (features < 2 * k) {
      throw new IllegalArgumentException(
          "--features must be at least twice --k (%d), not %d".formatted(k, features));
    }
  }

  /**
   * The sizes of the scaling curve, ascending: the largest, and each quarter of the one before that
   * still has twice as many features as fire on a token; at most four.
   */
  public List<Integer> sizes() {
    List<Integer> sizes = new ArrayList<>();
    for (int size = features; sizes.size() < SIZES && size >= 2 * k; size /= RATIO) {
      sizes.addFirst(size);
    }
    return sizes;
  }

  /** Steps of each training: whole batches that hold {@link #tokens} at least. */
  public long steps() {
    return Math.ceilDiv(tokens, batch);
  }

  /** What a later call must repeat to continue in the same folder. */
  String identity() {
    return String.format(
        Locale.ROOT,
        "features %d, k %d, batch %d, tokens %d, captured %d, hook %s, seed %d, model %s, texts %s",
        features,
        k,
        batch,
        tokens,
        captured,
        hook,
        seed,
        model.getFileName(),
        texts.stream().map(Path::getFileName).toList());
  }
}
