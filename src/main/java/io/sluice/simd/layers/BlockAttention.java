package io.sluice.simd.layers;

import io.sluice.memory.LiveMemory;
import io.sluice.memory.PerThread;
import io.sluice.memory.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.IntConsumer;

/**
 * {@link Attention} whose products are a library's: some queries at a time, of all heads that share
 * keys and values, meet the keys that they may see in one product, and weigh values where they lie.
 */
public final class BlockAttention implements Attention {
  /**
   * Queries of one head that meet keys together: half as many keys are hidden from them in vain.
   */
  private static final int QUERIES = 64;

  private final LayerKernels kernels = LayerKernels.ofThisMachine();
  private final int panelWidth = kernels.panelWidth();
  private final Workers workers;
  private final StridedProduct product;
  private final PerThread<Scratch> scratch = new PerThread<>(Scratch::new);

  /**
   * @param product called by several threads at a time
   */
  public BlockAttention(Workers workers, StridedProduct product) {
    this.workers = workers;
    this.product = product;
  }

  /** Memory of one thread. */
  private static final class Scratch {
    MemorySegment keys = MemorySegment.NULL;
    MemorySegment queries = MemorySegment.NULL;
    MemorySegment scores = MemorySegment.NULL;

    static MemorySegment fit(MemorySegment memory, long floats) {
      long bytes = floats * Float.BYTES;
      return memory.byteSize() >= bytes ? memory : Arena.ofAuto().allocate(bytes, 64);
    }
  }

  @Override
  public void run(
      AttentionHeads heads,
      RotaryAngles angles,
      Batch batch,
      MemorySegment rows,
      MemorySegment out) {
    batch.check(heads, angles, rows, out);
    int tasks = Math.multiplyExact(batch.contexts(), heads.keyValueHeads());
    IntConsumer some =
        task -> {
          int context = task / heads.keyValueHeads();
          int group = task % heads.keyValueHeads();
          new Pass(heads, angles, batch, rows, out, context, group).run(scratch.get());
        };
    LiveMemory.during(() -> workers.run(tasks, some), rows, out);
  }

  /** The queries of one context that share one head of keys and values. */
  private final class Pass {
    private final AttentionHeads heads;
    private final RotaryAngles angles;
    private final Batch batch;
    private final MemorySegment rows;
    private final MemorySegment out;
    private final int context;
    private final int group;
    private final int headDim;
    private final int keys;
    private final int perGroup;

    private Pass(
        AttentionHeads heads,
        RotaryAngles angles,
        Batch batch,
        MemorySegment rows,
        MemorySegment out,
        int context,
        int group) {
      this.heads = heads;
      this.angles = angles;
      this.batch = batch;
      this.rows = rows;
      this.out = out;
      this.context = context;
      this.group = group;
      this.headDim = heads.headDim();
      this.keys = batch.keys(context);
      this.perGroup = heads.heads() / heads.keyValueHeads();
    }

    void run(Scratch own) {
      own.keys = Scratch.fit(own.keys, (long) keys * headDim);
      own.queries = Scratch.fit(own.queries, (long) perGroup * QUERIES * headDim);
      own.scores = Scratch.fit(own.scores, (long) perGroup * QUERIES * padded(keys));
      int at = heads.keyAt() + group * heads.keyStep();
      for (int key = 0; key < keys; key++) {
        long to = own.keys.address() + (long) key * headDim * Float.BYTES;
        heads.read(kernels, at(key, at).address(), heads.keyNorm(), angles, key, to);
      }
      for (int query = batch.first(); query < batch.length(); query += QUERIES) {
        attend(own, query, Math.min(QUERIES, batch.length() - query));
      }
    }

    private int padded(int columns) {
      return Math.ceilDiv(columns, panelWidth) * panelWidth;
    }

    /** A row from one of its values on. */
    private MemorySegment at(int row, int column) {
      long first = ((long) context * batch.capacity() + row) * heads.rowWidth();
      return rows.asSlice((first + column) * Float.BYTES);
    }

    private void attend(Scratch own, int query, int count) {
      readQueries(own, query, count);
      AttentionHeads.Rule rule = heads.rule();
      // A query in the padding may lie past all keys; it sees the last, and means nothing.
      int first = Math.min(rule.firstKey(query), keys - 1);
      int end = rule.endKey(query + count - 1, keys);
      int width = end - first;
      int stride = padded(width);
      product.multiply(
          own.queries,
          headDim,
          Math.multiplyExact(perGroup, count),
          headDim,
          own.keys.asSlice((long) first * headDim * Float.BYTES),
          headDim,
          true,
          width,
          own.scores,
          stride);
      for (int row = 0; row < perGroup * count; row++) {
        int from = Math.min(rule.firstKey(query + row % count), keys - 1);
        int to = rule.endKey(query + row % count, keys);
        long scores = own.scores.address() + (long) row * stride * Float.BYTES;
        rule.weigh(kernels, scores, 0, from - first, to - first, width);
      }
      int values = heads.valueAt() + group * heads.valueStep();
      long row = (long) context * batch.queries() + query - batch.first();
      for (int i = 0; i < perGroup; i++) {
        long column = (long) (group * perGroup + i) * headDim;
        product.multiply(
            own.scores.asSlice((long) i * count * stride * Float.BYTES),
            stride,
            count,
            width,
            at(first, values),
            heads.rowWidth(),
            false,
            headDim,
            out.asSlice((row * heads.outputWidth() + column) * Float.BYTES),
            heads.outputWidth());
      }
    }

    /** One head after the other, so that heads are rows of one matrix. */
    private void readQueries(Scratch own, int query, int count) {
      long to = own.queries.address();
      for (int head = group * perGroup; head < (group + 1) * perGroup; head++) {
        int at = heads.queryAt() + head * heads.queryStep();
        for (int i = 0; i < count; i++, to += (long) headDim * Float.BYTES) {
          long from = at(query + i, at).address();
          heads.read(kernels, from, heads.queryNorm(), angles, query + i, to);
        }
      }
    }
  }
}
