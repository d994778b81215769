package io.sluice.features.gather;

import io.sluice.engine.arithmetic.Codes;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Queue;

/** Sorts the codes of batches into chunks by group; a chunk is ready when it is full. */
final class ChunkedCodes {
  private static final int FIRST_INTS = 16 * CodeChunk.INTS;
  private static final int MOST_INTS = 1024 * CodeChunk.INTS;

  private final int shift;
  private final int[][] open;
  private final int[] ints;
  private final Queue<CodeChunk> ready = new ArrayDeque<>();
  private long order;

  /**
   * No codes yet.
   *
   * @param shift a group has 2^shift features
   * @param order of the first chunk
   */
  ChunkedCodes(int groups, int shift, long order) {
    this.shift = shift;
    this.open = new int[groups][];
    this.ints = new int[groups];
    this.order = order;
  }

  /** Adds the codes of a batch, whose tokens are at these rows of the store, ascending. */
  void add(Codes codes, int[] rows) {
    int entry = 0;
    for (int token = 0; token < codes.rows(); token++) {
      int row = rows[token];
      for (int end = codes.offset(token + 1); entry < end; entry++) {
        int feature = codes.feature(entry);
        int group = feature >> shift;
        int[] chunk = room(group);
        int at = ints[group];
        chunk[at] = feature;
        chunk[at + 1] = row;
        chunk[at + 2] = Float.floatToRawIntBits(codes.value(entry));
        ints[group] = at + CodeChunk.INTS;
        if (ints[group] == MOST_INTS) {
          end(group);
        }
      }
    }
  }

  private int[] room(int group) {
    if (open[group] == null) {
      open[group] = new int[FIRST_INTS];
    } else if (open[group].length == ints[group]) {
      open[group] = Arrays.copyOf(open[group], Math.min(MOST_INTS, 2 * ints[group]));
    }
    return open[group];
  }

  private void end(int group) {
    int[] codes = open[group] == null ? new int[0] : Arrays.copyOf(open[group], ints[group]);
    ready.add(new CodeChunk(group, order++, codes));
    open[group] = null;
    ints[group] = 0;
  }

  /**
   * Ends all chunks.
   *
   * @param even whether groups without codes have one, too
   */
  void end(boolean even) {
    for (int group = 0; group < open.length; group++) {
      if (even || ints[group] > 0) {
        end(group);
      }
    }
  }

  /** The next chunk that is ready; null if there is none. */
  CodeChunk poll() {
    return ready.poll();
  }
}
