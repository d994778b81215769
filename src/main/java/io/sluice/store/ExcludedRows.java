package io.sluice.store;

import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.store.files.Column;
import io.sluice.store.files.ShardLayout;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Finds the rows of a store that its manifest leaves out. */
final class ExcludedRows {
  /** Rows of which a median norm is taken, spread evenly over the store. */
  static final int SAMPLE = 1 << 16;

  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final int PIECE = 1 << 12;
  private static final int TASK_ROWS = 256;

  private final ActivationStore store;
  private final TokenExclusion rule;

  /** The largest norm at each column of which one is known. */
  private final Map<String, Double> limits;

  /**
   * Rows of a store.
   *
   * @param limits the largest norms that are known already, by hook point
   */
  ExcludedRows(ActivationStore store, TokenExclusion rule, Map<String, Double> limits) {
    this.store = store;
    this.rule = rule;
    this.limits = new ConcurrentHashMap<>(limits);
  }

  /** The rule. */
  TokenExclusion rule() {
    return rule;
  }

  /**
   * Removes rows of a shard that are left out.
   *
   * @param columns the hook points that are read: a row is left out if it is at any of them
   * @param kept the rows that are read otherwise
   */
  void remove(Shard shard, List<String> columns, BitSet kept) throws IOException {
    if (!rule.tokenIds().isEmpty()) {
      store.require(Column.TOKEN_ID);
      int[] ids = shard.numbers(ShardLayout.TOKEN_ID);
      for (int row = kept.nextSetBit(0); row >= 0; row = kept.nextSetBit(row + 1)) {
        kept.set(row, !rule.tokenIds().contains(ids[row]));
      }
    }
    if (rule.limitsNorms()) {
      for (String name : columns) {
        Column column = store.column(name);
        if (!column.isTokenColumn()) {
          removeLong(shard, column, limit(column), kept);
        }
      }
    }
  }

  /** The largest norm at each hook point; empty if norms do not matter. */
  Map<String, Double> limits() throws IOException {
    if (rule.limitsNorms()) {
      for (Column column : store.columns()) {
        limit(column);
      }
    }
    return Map.copyOf(limits);
  }

  private void removeLong(Shard shard, Column column, double limit, BitSet kept)
      throws IOException {
    for (int start = 0; start < shard.rows(); start += PIECE) {
      int end = Math.min(shard.rows(), start + PIECE);
      int first = kept.nextSetBit(start);
      if (first < 0 || first >= end) {
        continue;
      }
      double[] norms = norms(shard, column, start, end);
      for (int row = first; row >= 0 && row < end; row = kept.nextSetBit(row + 1)) {
        kept.set(row, norms[row - start] <= limit);
      }
    }
  }

  private double limit(Column column) throws IOException {
    Double known = limits.get(column.name());
    if (known == null) {
      known = rule.maxNormMultiple() * median(column);
      limits.put(column.name(), known);
    }
    return known;
  }

  private double median(Column column) throws IOException {
    long step = Math.ceilDiv(store.rows(), (long) SAMPLE);
    double[] norms = new double[SAMPLE];
    int count = 0;
    for (Shard shard : store.shards()) {
      int[] ids = rule.tokenIds().isEmpty() ? null : shard.numbers(ShardLayout.TOKEN_ID);
      long first = Math.ceilDiv(shard.firstRow(), step) * step - shard.firstRow();
      for (long row = first; row < shard.rows(); row += step) {
        int at = (int) row;
        if (ids == null || !rule.tokenIds().contains(ids[at])) {
          norms[count++] = norms(shard, column, at, at + 1)[0];
        }
      }
    }
    double median = count == 0 ? 0 : TokenExclusion.median(Arrays.copyOf(norms, count));
    if (!(median > 0)) {
      throw new IOException(
          store.place()
              + ": the median norm of '"
              + column.name()
              + "' is "
              + median
              + ", so no multiple of it tells outliers; remove "
              + TokenExclusion.MULTIPLE
              + " from the manifest");
    }
    return median;
  }

  /** The Euclidean norms of rows, added in float64. */
  private double[] norms(Shard shard, Column column, int from, int to) throws IOException {
    MemorySegment rows = shard.data(column.name(), from, to);
    double[] norms = new double[to - from];
    int tasks = Math.ceilDiv(norms.length, TASK_ROWS);
    if (tasks == 1) {
      fill(shard, rows, column, norms, 0);
    } else {
      Workers.allCores().run(tasks, task -> fill(shard, rows, column, norms, task * TASK_ROWS));
    }
    return norms;
  }

  private static void fill(
      Shard shard, MemorySegment rows, Column column, double[] norms, int first) {
    int width = column.width();
    float[] values = new float[width];
    MemorySegment row = MemorySegment.ofArray(values);
    int end = Math.min(norms.length, first + TASK_ROWS);
    for (int i = first; i < end; i++) {
      long at = i * column.bytesPerRow();
      if (column.dtype() == DType.F32) {
        MemorySegment.copy(rows, FLOAT, at, values, 0, width);
      } else {
        Elements.widen(rows, at, column.dtype(), row, 0, width);
      }
      norms[i] = norm(values);
    }
  }

  /**
   * The Euclidean norm of a row, added in float64, in an order that does not depend on anything.
   */
  static double norm(float[] values) {
    double even = 0;
    double odd = 0;
    int i = 0;
    for (; i + 1 < values.length; i += 2) {
      even += (double) values[i] * values[i];
      odd += (double) values[i + 1] * values[i + 1];
    }
    if (i < values.length) {
      even += (double) values[i] * values[i];
    }
    return Math.sqrt(even + odd);
  }
}
