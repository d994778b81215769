package io.sluice.spark;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/**
 * Consecutive blocks of a store that one task reads.
 *
 * @param from the first block
 * @param to the end, exclusive
 */
record TaskRange(int from, int to) implements Serializable {
  /** More tasks than this cost the driver more than they save. */
  private static final int MOST = 4096;

  /** Cuts blocks into tasks, one for each if they are not many. Results do not depend on it. */
  static List<TaskRange> of(int blocks) {
    int each = Math.ceilDiv(blocks, MOST);
    List<TaskRange> ranges = new ArrayList<>();
    for (int from = 0; from < blocks; from += each) {
      ranges.add(new TaskRange(from, Math.min(blocks, from + each)));
    }
    return ranges;
  }
}
