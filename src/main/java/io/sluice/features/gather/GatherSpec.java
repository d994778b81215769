package io.sluice.features.gather;

import io.sluice.features.FeatureManifest.Window;
import io.sluice.store.RowFilter;

/**
 * Settings of the pass.
 *
 * @param top contexts with the largest activations that are kept of each feature, at most
 * @param lower contexts from lower quantiles that are kept of each feature, at most
 * @param window the tokens of a context
 * @param firstPosition the first position of a context that is read
 * @param deadWindow a feature is dead if it fired on none of the last so many tokens; all that are
 *     read if there are fewer
 * @param batch tokens that are encoded at once
 */
public record GatherSpec(
    int top, int lower, Window window, int firstPosition, long deadWindow, int batch) {
  /** A row of {@code features.arrow}, with its place in the index of contexts. */
  private static final long FEATURE_BYTES = 220;

  /** A row of {@code contexts.arrow} without its tokens. */
  private static final long CONTEXT_BYTES = 45;

  /** A token of a context: its id and the activation. */
  private static final long TOKEN_BYTES = 8;

  /** More contexts than this of a feature are refused. */
  public static final int MOST_CONTEXTS = 1000;

  /** More tokens than this on a side of a context are refused. */
  public static final int WIDEST_WINDOW = 1024;

  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is out of range
   */
  public GatherSpec {
    requireRange("top contexts", top, 0, MOST_CONTEXTS);
    requireRange("lower contexts", lower, 0, MOST_CONTEXTS);
    requireRange("tokens before", window.before(), 0, WIDEST_WINDOW);
    requireRange("tokens after", window.after(), 0, WIDEST_WINDOW);
    requireRange("the first position", firstPosition, 0, Integer.MAX_VALUE);
    requireRange("the dead window", deadWindow, 1, Long.MAX_VALUE);
    requireRange("the batch", batch, 1, 1 << 20);
  }

  /** Twenty contexts of both kinds, with 24 tokens before and 8 after. */
  public static GatherSpec from(int firstPosition) {
    return new GatherSpec(20, 20, new Window(24, 8), firstPosition, Long.MAX_VALUE, 1024);
  }

  /** The rows of a store that are read. */
  public RowFilter rows() {
    return firstPosition == 0 ? RowFilter.ALL : RowFilter.fromPosition(firstPosition);
  }

  /** The same from a position on, if it begins earlier. */
  GatherSpec notBefore(int position) {
    return new GatherSpec(top, lower, window, Math.max(firstPosition, position), deadWindow, batch);
  }

  /**
   * How large the files of features without a model are at most: where every feature fires often
   * enough for all its contexts, and no context is cut off by its document.
   */
  public long mostBytes(long features) {
    long context = CONTEXT_BYTES + TOKEN_BYTES * (window.before() + 1L + window.after());
    return features * (FEATURE_BYTES + (top + lower) * context);
  }

  private static void requireRange(String name, long value, long least, long most) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(
          "%s: %d is not from %d to %d".formatted(name, value, least, most));
    }
  }
}
