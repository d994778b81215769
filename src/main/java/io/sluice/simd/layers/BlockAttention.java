package io.sluice.simd.layers;

import io.sluice.memory.GrowingMemory;
import io.sluice.memory.LiveMemory;
import io.sluice.memory.PerThread;
import io.sluice.memory.Workers;
import java.lang.foreign.MemorySegment;
import java.util.function.IntConsumer;

/**
 * Attention whose products a BLAS computes: some queries at a time, of all heads that share keys
 * and values, are multiplied in one product with the keys that they attend to, and their weights
 * with the values in place.
 */
public final class BlockAttention implements Attention {
  /** Queries of one head in one product: of half as many keys the products are computed in vain. */
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
    final GrowingMemory keys = new GrowingMemory();
    final GrowingMemory queries = new GrowingMemory();
    final GrowingMemory scores = new GrowingMemory();
  }

  @Override
  public void run(
      AttentionHeads heads,
      RotaryAngles angles,
      Batch batch,
      MemorySegment rows,
      MemorySegment out) {
    batch.check(heads, angles, rows, out);
    IntConsumer some = task -> new Pass(heads, angles, batch, rows, out, task).run(scratch.get());
    LiveMemory.during(() -> workers.run(AttentionPass.tasks(heads, batch), some), rows, out);
  }

  /** The products of one task. */
  private final class Pass extends AttentionPass {
    private final MemorySegment rows;
    private final MemorySegment out;
    private final int perGroup = endHead - firstHead;
    private MemorySegment ownKeys;
    private MemorySegment ownQueries;
    private MemorySegment ownScores;

    private Pass(
        AttentionHeads heads,
        RotaryAngles angles,
        Batch batch,
        MemorySegment rows,
        MemorySegment out,
        int task) {
      super(heads, angles, batch, rows, task);
      this.rows = rows;
      this.out = out;
    }

    void run(Scratch own) {
      ownKeys = own.keys.of(keys, headDim);
      ownQueries = own.queries.of((long) perGroup * QUERIES, headDim);
      ownScores = own.scores.of((long) perGroup * QUERIES, padded(keys));
      for (int key = 0; key < keys; key++) {
        readKey(kernels, key, ownKeys.address() + (long) key * headDim * Float.BYTES);
      }
      for (int query = batch.first(); query < batch.length(); query += QUERIES) {
        attend(query, Math.min(QUERIES, batch.length() - query));
      }
    }

    private int padded(int columns) {
      return Math.ceilDiv(columns, panelWidth) * panelWidth;
    }

    private void attend(int query, int count) {
      readQueries(query, count);
      int first = firstKey(query);
      int width = endKey(query + count - 1) - first;
      int stride = padded(width);
      product.multiply(
          ownQueries,
          headDim,
          Math.multiplyExact(perGroup, count),
          headDim,
          ownKeys.asSlice((long) first * headDim * Float.BYTES),
          headDim,
          true,
          width,
          ownScores,
          stride);
      for (int row = 0; row < perGroup * count; row++) {
        int from = firstKey(query + row % count);
        int to = endKey(query + row % count);
        long scores = ownScores.address() + (long) row * stride * Float.BYTES;
        heads.rule().weigh(kernels, scores, 0, from - first, to - first, width);
      }
      for (int head = firstHead; head < endHead; head++) {
        long column = outputRow(query) * heads.outputWidth() + (long) head * headDim;
        product.multiply(
            ownScores.asSlice((long) (head - firstHead) * count * stride * Float.BYTES),
            stride,
            count,
            width,
            rows.asSlice(offset(first, valueAt())),
            heads.rowWidth(),
            false,
            headDim,
            out.asSlice(column * Float.BYTES),
            heads.outputWidth());
      }
    }

    /** One head after the other, so that heads are rows of one matrix. */
    private void readQueries(int query, int count) {
      long to = ownQueries.address();
      for (int head = firstHead; head < endHead; head++) {
        for (int i = 0; i < count; i++, to += (long) headDim * Float.BYTES) {
          readQuery(kernels, head, query + i, to);
        }
      }
    }
  }
}
