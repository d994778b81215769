package io.sluice.evaluation;

import io.sluice.memory.ScratchArrays;
import io.sluice.store.ActivationStore;
import io.sluice.store.HeldOut;
import io.sluice.store.Shard;
import io.sluice.store.files.Column;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Recognises text that a run was trained on, for contexts of any length, by every stretch of
 * {@value #STRETCH} tokens of the contexts that were not held out. Takes eight bytes per token of
 * the store.
 */
public final class TrainedText {
  /** Long enough that two places of a text do not share one by chance. */
  private static final int STRETCH = 16;

  private static final long FACTOR = 0x9e3779b97f4a7c15L;

  private final long[] hashes;
  private final int count;

  private TrainedText(long[] hashes, int count) {
    this.hashes = hashes;
    this.count = count;
  }

  /**
   * Reads the token ids of the rows that were not held out.
   *
   * @throws IOException if the store has no token ids
   */
  public static TrainedText of(ActivationStore store, HeldOut heldOut) throws IOException {
    store.require(Column.TOKEN_ID);
    long[] hashes = new long[Math.toIntExact(store.rows() - heldOut.tokens())];
    int count = 0;
    int[] context = new int[64];
    int length = 0;
    int lastPosition = Integer.MAX_VALUE;
    int lastDocument = 0;
    for (Shard shard : store.shards()) {
      MemorySegment ids = shard.data("token_id", 0, shard.rows());
      MemorySegment positions = shard.data("position", 0, shard.rows());
      MemorySegment documents = shard.data("document_id", 0, shard.rows());
      for (int i = 0; i < shard.rows(); i++) {
        int position = positions.getAtIndex(ValueLayout.JAVA_INT, i);
        int document = documents.getAtIndex(ValueLayout.JAVA_INT, i);
        boolean goesOn = position == Shard.UNKNOWN || position == lastPosition + 1;
        if (!goesOn || document != lastDocument) {
          count = add(context, length, hashes, count);
          length = 0;
        }
        lastPosition = position;
        lastDocument = document;
        if (!heldOut.holds(shard.firstRow() + i)) {
          context = ScratchArrays.extended(context, length + 1);
          context[length++] = ids.getAtIndex(ValueLayout.JAVA_INT, i);
        }
      }
    }
    count = add(context, length, hashes, count);
    Arrays.sort(hashes, 0, count);
    return new TrainedText(hashes, count);
  }

  private static int add(int[] tokens, int length, long[] hashes, int count) {
    int added = count;
    for (int from = 0; from < stretches(length); from++) {
      hashes[added++] = hash(tokens, from, Math.min(STRETCH, length));
    }
    return added;
  }

  /**
   * The number of stretches in so many tokens; fewer than {@link #STRETCH} tokens are one stretch.
   */
  private static int stretches(int length) {
    return length == 0 ? 0 : Math.max(1, length - STRETCH + 1);
  }

  private static long hash(int[] tokens, int from, int length) {
    long hash = length;
    for (int i = from; i < from + length; i++) {
      hash = (hash ^ tokens[i]) * FACTOR;
      hash ^= hash >>> 29;
    }
    return hash;
  }

  /** Whether any stretch of these tokens was trained on. */
  public boolean holds(int[] tokens) {
    for (int from = 0; from < stretches(tokens.length); from++) {
      long hash = hash(tokens, from, Math.min(STRETCH, tokens.length));
      if (Arrays.binarySearch(hashes, 0, count, hash) >= 0) {
        return true;
      }
    }
    return false;
  }
}
