package io.sluice.model;

import java.util.Arrays;
import java.util.List;

/**
 * Token ids of several contexts that run together. Shorter ones are padded on the right up to the
 * longest; the padding is masked, so that no context's values depend on its neighbours.
 */
public final class TokenBatch {
  private final List<int[]> contexts;
  private final int[] from;
  private final int length;

  private TokenBatch(List<int[]> contexts, int[] from, int length) {
    this.contexts = contexts;
    this.from = from;
    this.length = length;
  }

  /**
   * A batch of these contexts, special tokens included. The arrays are not copied and must not
   * change.
   *
   * @throws IllegalArgumentException if there is none, or one is empty
   */
  public static TokenBatch of(List<int[]> contexts) {
    return of(contexts, new int[contexts.size()]);
  }

  /**
   * A batch of contexts of which not all tokens count when something is measured.
   *
   * @param from per context, the position of the first token that counts, at least 0
   * @throws IllegalArgumentException as {@link #of(List)}, or if {@code from} does not fit
   */
  public static TokenBatch of(List<int[]> contexts, int[] from) {
    if (from.length != contexts.size()) {
      throw new IllegalArgumentException(
          from.length + " first positions for " + contexts.size() + " contexts");
    }
    for (int first : from) {
      if (first < 0) {
        throw new IllegalArgumentException("the first token that counts is at " + first);
      }
    }
    if (contexts.isEmpty()) {
      throw new IllegalArgumentException("a batch needs at least one context");
    }
    int longest = 0;
    for (int[] context : contexts) {
      if (context.length == 0) {
        throw new IllegalArgumentException("a context needs at least one token");
      }
      longest = Math.max(longest, context.length);
    }
    return new TokenBatch(List.copyOf(contexts), from.clone(), longest);
  }

  /** Number of contexts. */
  public int size() {
    return contexts.size();
  }

  /** Tokens of the longest context, to which all are padded. */
  public int length() {
    return length;
  }

  /** Tokens of one context, padding not counted. */
  public int length(int context) {
    return contexts.get(context).length;
  }

  /**
   * Position of the first token of a context that counts when something is measured: special tokens
   * before the text do not, nor do tokens that an earlier context has had.
   */
  public int from(int context) {
    return from[context];
  }

  /** The token at a position of a context. */
  public int id(int context, int position) {
    return contexts.get(context)[position];
  }

  /** Whether some context is shorter than the longest. */
  public boolean isPadded() {
    return contexts.stream().anyMatch(context -> context.length < length);
  }

  /** {@code [size, length]} row-major; padding is id 0. */
  public long[] paddedIds() {
    long[] ids = new long[Math.multiplyExact(size(), length)];
    for (int i = 0; i < size(); i++) {
      int[] context = contexts.get(i);
      for (int j = 0; j < context.length; j++) {
        ids[i * length + j] = context[j];
      }
    }
    return ids;
  }

  /** {@code [size, length]} row-major, to be added to attention scores: 0, or −∞ at padding. */
  public float[] scoreMask() {
    float[] mask = new float[Math.multiplyExact(size(), length)];
    for (int i = 0; i < size(); i++) {
      Arrays.fill(mask, i * length + length(i), (i + 1) * length, Float.NEGATIVE_INFINITY);
    }
    return mask;
  }

  /**
   * Checks the ids before they reach LibTorch.
   *
   * @throws IllegalArgumentException if an id is not in the vocabulary, or a context is too long
   */
  public void check(ModelShape shape) {
    if (length > shape.maxContext()) {
      throw new IllegalArgumentException(
          "a context of " + length + " tokens; the model takes at most " + shape.maxContext());
    }
    for (int[] context : contexts) {
      for (int id : context) {
        if (id < 0 || id >= shape.vocabulary()) {
          throw new IllegalArgumentException(
              "token id " + id + " is not in the model's vocabulary of " + shape.vocabulary());
        }
      }
    }
  }
}
