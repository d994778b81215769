package io.sluice.store;

import io.sluice.memory.ScratchArrays;
import io.sluice.store.files.ShardLayout;
import java.io.IOException;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;

/**
 * The contexts of a store that a run never trains on, so that it can be measured on unseen text.
 * Whole contexts are held out, since attention mixes the tokens of a context.
 *
 * <p>The rule: contexts are numbered from 0 in the order of the store, and each has a {@linkplain
 * #key key} that depends only on the seed and its number. Those with the smallest keys are held
 * out, as many as reach a share of the tokens that are used and {@value #LEAST_TOKENS} tokens. If
 * that would be more than half of them, nothing is held out.
 *
 * <p>A context begins where a position does not exceed the previous one, or where a document
 * begins. In a store without positions each document is a context, and in one without documents as
 * well each row.
 */
public final class HeldOut {
  /** The default share. */
  public static final double USUAL_SHARE = 0.05;

  /** The smallest number of tokens held out; fewer give no reliable measure. */
  public static final long LEAST_TOKENS = 1000;

  /** The largest share; more would leave too little to train on. */
  public static final double LARGEST_SHARE = 0.5;

  private static final int COUNT_BITS = 64;

  private final double share;
  private final long seed;
  private final int firstPosition;
  private final long contexts;
  private final long tokens;
  private final long counted;
  private final long[] bits; // one per row of the store; null: nothing is held out

  private HeldOut(
      double share,
      long seed,
      int firstPosition,
      long contexts,
      long tokens,
      long counted,
      long[] bits) {
    this.share = share;
    this.seed = seed;
    this.firstPosition = firstPosition;
    this.contexts = contexts;
    this.tokens = tokens;
    this.counted = counted;
    this.bits = bits;
  }

  /** See {@link ActivationStore#heldOut}. */
  static HeldOut choose(ActivationStore store, double share, long seed, int firstPosition)
      throws IOException {
    if (share == 0) {
      return new HeldOut(share, seed, firstPosition, 0, 0, store.rows(), null);
    }
    return choose(Contexts.of(store, firstPosition), share, seed, firstPosition);
  }

  /**
   * The contexts that are held out of rows whose activations need not be there.
   *
   * @param sizes the contexts of all rows, added with the same {@code firstPosition}
   * @param share of the tokens that are used; 0 for none
   */
  public static HeldOut choose(Contexts sizes, double share, long seed, int firstPosition) {
    if (share == 0) {
      return new HeldOut(share, seed, firstPosition, 0, 0, sizes.rows, null);
    }
    long counted = 0;
    for (int i = 0; i < sizes.count; i++) {
      counted += sizes.tokens[i];
    }
    long wanted = Math.max((long) Math.ceil(share * counted), LEAST_TOKENS);
    long[] keys = new long[sizes.count];
    for (int i = 0; i < keys.length; i++) {
      keys[i] = key(seed, i);
    }
    long[] sorted = keys.clone();
    Arrays.sort(sorted);
    int low = 0;
    int high = sorted.length - 1;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (tokensUpTo(sorted[middle], keys, sizes.tokens) < wanted) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    long tokens = keys.length == 0 ? 0 : tokensUpTo(sorted[low], keys, sizes.tokens);
    if (tokens < wanted || 2 * tokens > counted) {
      return new HeldOut(share, seed, firstPosition, 0, 0, counted, null);
    }
    long[] bits = new long[Math.toIntExact(Math.ceilDiv(sizes.rows, (long) COUNT_BITS))];
    for (int i = 0; i < keys.length; i++) {
      if (keys[i] <= sorted[low]) {
        long end = i + 1 < keys.length ? sizes.starts[i + 1] : sizes.rows;
        for (long row = sizes.starts[i]; row < end; row++) {
          bits[(int) (row >>> 6)] |= 1L << row;
        }
      }
    }
    return new HeldOut(share, seed, firstPosition, low + 1L, tokens, counted, bits);
  }

  private static long tokensUpTo(long key, long[] keys, int[] tokens) {
    long sum = 0;
    for (int i = 0; i < keys.length; i++) {
      sum += keys[i] <= key ? tokens[i] : 0;
    }
    return sum;
  }

  /**
   * The key of a context: SplitMix64's mix of the seed and the context's number. Two contexts of
   * one seed never have the same key.
   */
  public static long key(long seed, long context) {
    long z = mix(seed) + (context + 1) * 0x9e3779b97f4a7c15L;
    return mix(z);
  }

  private static long mix(long value) {
    long z = (value ^ (value >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }

  /** Where contexts begin, and how many of their tokens are used. */
  public static final class Contexts {
    private long[] starts = new long[1024];
    private int[] tokens = new int[1024];
    private int count;
    private long rows;
    private int lastPosition = Integer.MAX_VALUE;
    private int lastDocument;

    static Contexts of(ActivationStore store, int firstPosition) throws IOException {
      Contexts sizes = new Contexts();
      for (Shard shard : store.shards()) {
        int[] positions = shard.numbers(ShardLayout.POSITION);
        int[] documents = shard.numbers(ShardLayout.DOCUMENT_ID);
        BitSet used = store.kept(shard, RowFilter.fromPosition(firstPosition), List.of());
        for (int i = 0; i < shard.rows(); i++) {
          sizes.add(positions[i], documents[i], used.get(i));
        }
      }
      return sizes;
    }

    /**
     * Adds the next row.
     *
     * @param isUsed whether it is not left out, by its position or its token
     */
    public void add(int position, int document, boolean isUsed) {
      boolean whole = position == Shard.UNKNOWN && document != Shard.UNKNOWN;
      if (count == 0 || document != lastDocument || position <= lastPosition && !whole) {
        begin(rows);
      }
      if (isUsed) {
        tokens[count - 1]++;
      }
      lastPosition = position;
      lastDocument = document;
      rows++;
    }

    private void begin(long row) {
      starts = ScratchArrays.extended(starts, count + 1);
      tokens = ScratchArrays.extended(tokens, count + 1);
      starts[count++] = row;
    }
  }

  /** The requested share. */
  public double share() {
    return share;
  }

  /** The seed of the keys. */
  public long seed() {
    return seed;
  }

  /** The first position of a context that is used. */
  public int firstPosition() {
    return firstPosition;
  }

  /** The number of contexts held out. */
  public long contexts() {
    return contexts;
  }

  /** The number of tokens held out: those of these contexts that are used. */
  public long tokens() {
    return tokens;
  }

  /** Whether nothing is held out. */
  public boolean isEmpty() {
    return bits == null;
  }

  /** Whether a row of the store belongs to a context that is held out. */
  public boolean holds(long row) {
    return bits != null && (bits[(int) (row >>> 6)] >>> row & 1) != 0;
  }

  /** Unknown positions are used where all are. */
  private static boolean isUsed(int position, int firstPosition) {
    return firstPosition == 0 || position >= firstPosition;
  }

  /** The rows to train on: those that are used and are not held out. */
  public RowFilter trained() {
    RowFilter part = RowFilter.fromPosition(firstPosition);
    return isEmpty()
        ? part
        : (row, tokenId, position, documentId) -> isUsed(position, firstPosition) && !holds(row);
  }

  /** The rows to measure on: those that are used and are held out. */
  public RowFilter heldOut() {
    return (row, tokenId, position, documentId) -> isUsed(position, firstPosition) && holds(row);
  }

  /** Describes what is held out, or why nothing is, as a sentence without a full stop. */
  public String sentence() {
    if (!isEmpty()) {
      return String.format(
          Locale.ROOT, "%,d tokens in %,d whole contexts are held out", tokens, contexts);
    }
    return share == 0
        ? "nothing is held out, as requested"
        : String.format(
            Locale.ROOT,
            "nothing is held out: of %,d tokens in whole contexts, at least %,d cannot be kept apart"
                + " with as many left to train on",
            counted,
            LEAST_TOKENS);
  }
}
