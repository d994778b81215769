package io.sluice.evaluation.measures;

import io.sluice.engine.arithmetic.Codes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/**
 * On how many tokens, and in how many contexts, each feature fires, and when it did so last.
 * Several processes can count the tokens of a store: {@link #parts} of consecutive tokens are
 * joined by {@link FiringPart#then}.
 */
public final class FeatureCounts {
  private final long[] fired;
  private final int[] contexts;
  private final int[] lastContext;
  private final int[] lastBatch;
  private final BitSet inFirstContext;
  private int batch;
  private int context;
  private boolean continued;
  private long tokens;

  /** Nothing counted yet. */
  public FeatureCounts(int features) {
    this(features, 0);
  }

  /**
   * Nothing counted yet.
   *
   * @param batch the number of the first batch that will be counted
   */
  public FeatureCounts(int features, int batch) {
    this.batch = batch;
    fired = new long[features];
    contexts = new int[features];
    lastContext = new int[features];
    lastBatch = new int[features];
    inFirstContext = new BitSet(features);
    Arrays.fill(lastContext, -1);
    Arrays.fill(lastBatch, -1);
  }

  /**
   * The counts of all tokens.
   *
   * @param parts of consecutive features, in their order
   */
  public static FeatureCounts of(int features, long tokens, List<FiringPart> parts) {
    FeatureCounts counts = new FeatureCounts(features);
    counts.tokens = tokens;
    int at = 0;
    for (FiringPart part : parts) {
      int count = part.fired().length;
      System.arraycopy(part.fired(), 0, counts.fired, at, count);
      System.arraycopy(part.contexts(), 0, counts.contexts, at, count);
      System.arraycopy(part.lastBatch(), 0, counts.lastBatch, at, count);
      at += count;
    }
    return counts;
  }

  /**
   * Counts the codes of a batch.
   *
   * @param places of its tokens
   */
  public void add(Codes codes, RowPlaces places) {
    int entry = 0;
    for (int row = 0; row < codes.rows(); row++) {
      context = places.context(row);
      for (int end = codes.offset(row + 1); entry < end; entry++) {
        int feature = codes.feature(entry);
        fired[feature]++;
        lastBatch[feature] = batch;
        if (lastContext[feature] != context) {
          lastContext[feature] = context;
          contexts[feature]++;
          if (context == 0) {
            inFirstContext.set(feature);
          }
        }
      }
    }
    batch++;
    continued = places.isContinued();
    tokens += codes.rows();
  }

  /**
   * The counts so far, of some features each.
   *
   * @param size how many
   */
  public List<FiringPart> parts(int size) {
    List<FiringPart> parts = new ArrayList<>();
    for (int from = 0; from < fired.length; from += size) {
      int to = Math.min(fired.length, from + size);
      BitSet inLast = new BitSet(to - from);
      for (int feature = from; feature < to; feature++) {
        inLast.set(feature - from, lastContext[feature] == context);
      }
      parts.add(
          new FiringPart(
              continued,
              context == 0,
              Arrays.copyOfRange(fired, from, to),
              Arrays.copyOfRange(contexts, from, to),
              Arrays.copyOfRange(lastBatch, from, to),
              inFirstContext.get(from, to),
              inLast));
    }
    return parts;
  }

  /**
   * How many features have fired since a token; as for an engine's clocks, all codes of a batch
   * count as those of its last token.
   *
   * @param size tokens of each batch
   */
  public int firedSince(long token, int size) {
    int count = 0;
    for (int last : lastBatch) {
      count += last >= 0 && (last + 1L) * size > token ? 1 : 0;
    }
    return count;
  }

  /** The number of features. */
  public int features() {
    return fired.length;
  }

  /** Tokens in all. */
  public long tokens() {
    return tokens;
  }

  /** On how many tokens each feature fires, {@code [features]}; not a copy. */
  public long[] fired() {
    return fired;
  }

  /** In how many contexts a feature fires. */
  public int contexts(int feature) {
    return contexts[feature];
  }

  /** The share of tokens on which a feature fires. */
  public double density(int feature) {
    return (double) fired[feature] / tokens;
  }
}
