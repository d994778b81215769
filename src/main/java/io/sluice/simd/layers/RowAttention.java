package io.sluice.simd.layers;

import io.sluice.memory.LiveMemory;
import io.sluice.memory.NativeMemory;
import io.sluice.memory.PerThread;
import io.sluice.memory.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.IntConsumer;

/**
 * {@link Attention} by this library's own products. Keys and values of one head are packed into
 * panels once; then a tile of queries at a time meets them. Rotations and norms of heads happen on
 * the way, so that nothing but the rows and the result is ever in memory whole.
 */
public final class RowAttention implements Attention {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final MemorySegment ALL = NativeMemory.ALL;

  private final LayerKernels kernels;
  private final Workers workers;
  private final int panelWidth;
  private final int panelRowBytes;
  private final int tileRows;
  private final MemorySegment zeros;
  private final PerThread<Scratch> scratch = new PerThread<>(Scratch::new);

  /** Attention with the best kernels of this machine. */
  public RowAttention(Workers workers) {
    this(LayerKernels.ofThisMachine(), workers);
  }

  RowAttention(LayerKernels kernels, Workers workers) {
    this.kernels = kernels;
    this.workers = workers;
    this.panelWidth = kernels.panelWidth();
    this.panelRowBytes = panelWidth * Float.BYTES;
    this.tileRows = kernels.tileRows();
    this.zeros = Arena.ofAuto().allocate(panelRowBytes, 64);
  }

  /** Memory of one thread. */
  private static final class Scratch {
    MemorySegment keys = MemorySegment.NULL;
    MemorySegment values = MemorySegment.NULL;
    MemorySegment scores = MemorySegment.NULL;
    MemorySegment queries = MemorySegment.NULL;
    MemorySegment packed = MemorySegment.NULL;
    MemorySegment sums = MemorySegment.NULL;
    MemorySegment head = MemorySegment.NULL;

    static MemorySegment fit(MemorySegment memory, long bytes) {
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
    long from = rows.address();
    long to = out.address();
    int tasks = Math.multiplyExact(batch.contexts(), heads.keyValueHeads());
    IntConsumer some =
        task -> {
          Pass pass =
              new Pass(
                  heads,
                  angles,
                  batch,
                  from,
                  to,
                  task / heads.keyValueHeads(),
                  task % heads.keyValueHeads());
          pass.run(scratch.get());
        };
    LiveMemory.during(() -> workers.run(tasks, some), rows, out);
  }

  /** The queries of one context that share one head of keys and values. */
  private final class Pass {
    private final AttentionHeads heads;
    private final RotaryAngles angles;
    private final Batch batch;
    private final long rows;
    private final long out;
    private final int context;
    private final int group;
    private final int headDim;
    private final int keys;

    /** Columns of a row of scores: keys up to a whole panel. */
    private final int padded;

    private Pass(
        AttentionHeads heads,
        RotaryAngles angles,
        Batch batch,
        long rows,
        long out,
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
      this.padded = Math.ceilDiv(keys, panelWidth) * panelWidth;
    }

    void run(Scratch own) {
      int blocks = Math.ceilDiv(headDim, panelWidth);
      own.keys = Scratch.fit(own.keys, (long) padded * headDim * Float.BYTES);
      own.values = Scratch.fit(own.values, (long) blocks * keys * panelRowBytes);
      own.scores = Scratch.fit(own.scores, (long) tileRows * padded * Float.BYTES);
      own.queries = Scratch.fit(own.queries, kernels.tileBytes());
      own.packed = Scratch.fit(own.packed, kernels.tileBytes());
      own.sums = Scratch.fit(own.sums, (blocks + 1L) * tileRows * panelRowBytes);
      own.head = Scratch.fit(own.head, (long) headDim * Float.BYTES);
      packKeys(own);
      packValues(own, blocks);
      int perGroup = heads.heads() / heads.keyValueHeads();
      for (int query = batch.first(); query < batch.length(); query += tileRows) {
        int count = Math.min(tileRows, batch.length() - query);
        for (int head = group * perGroup; head < (group + 1) * perGroup; head++) {
          attend(own, head, query, count, blocks);
        }
      }
    }

    /** The address of a value of a row. */
    private long at(int row, long column) {
      long first = ((long) context * batch.capacity() + row) * heads.rowWidth();
      return rows + (first + column) * Float.BYTES;
    }

    private void packKeys(Scratch own) {
      int at = heads.keyAt() + group * heads.keyStep();
      for (int key = 0; key < padded; key++) {
        long place = (long) (key / panelWidth) * headDim * panelWidth + key % panelWidth;
        long to = own.keys.address() + place * Float.BYTES;
        if (key < keys) {
          heads.read(kernels, at(key, at), heads.keyNorm(), angles, key, own.head.address());
        }
        for (int i = 0; i < headDim; i++) {
          ALL.set(
              FLOAT,
              to + (long) i * panelRowBytes,
              key < keys ? own.head.get(FLOAT, (long) i * Float.BYTES) : 0);
        }
      }
    }

    private void packValues(Scratch own, int blocks) {
      long at = heads.valueAt() + (long) group * heads.valueStep();
      for (int block = 0; block < blocks; block++) {
        int columns = Math.min(panelWidth, headDim - block * panelWidth);
        for (int key = 0; key < keys; key++) {
          long from = at(key, at + (long) block * panelWidth);
          long to = ((long) block * keys + key) * panelRowBytes;
          MemorySegment.copy(ALL, from, own.values, to, (long) columns * Float.BYTES);
          for (int i = columns; i < panelWidth; i++) {
            own.values.set(FLOAT, to + (long) i * Float.BYTES, 0);
          }
        }
      }
    }

    private void attend(Scratch own, int head, int query, int count, int blocks) {
      int at = heads.queryAt() + head * heads.queryStep();
      for (int i = 0; i < tileRows; i++) {
        // Rows past the last are copies of it: whatever they give is not read.
        int row = query + Math.min(i, count - 1);
        long to = own.queries.address() + i * LayerKernels.PITCH_BYTES;
        heads.read(kernels, at(row, at), heads.queryNorm(), angles, row, to);
      }
      AttentionHeads.Rule rule = heads.rule();
      // A query in the padding may lie past all keys; it sees the last, and means nothing.
      int first = Math.min(rule.firstKey(query), keys - 1);
      int end = rule.endKey(query + count - 1, keys);
      score(own, first, end);
      for (int i = 0; i < tileRows; i++) {
        int from = Math.min(rule.firstKey(query + Math.min(i, count - 1)), keys - 1);
        int to = rule.endKey(query + Math.min(i, count - 1), keys);
        long scores = own.scores.address() + (long) i * padded * Float.BYTES;
        rule.weigh(kernels, scores, first, from, to, end);
      }
      mix(own, head, query, count, blocks, first, end);
    }

    private void score(Scratch own, int first, int end) {
      long scoreBytes = (long) padded * Float.BYTES;
      for (int panel = first / panelWidth; panel * panelWidth < end; panel++) {
        kernels.tile(
            own.queries.address(),
            own.keys.address() + (long) panel * headDim * panelRowBytes,
            headDim,
            zeros.address(),
            own.scores.address() + (long) panel * panelRowBytes,
            scoreBytes);
      }
    }

    /** Sums values by weights, a tile's depth of keys at a time. */
    private void mix(Scratch own, int head, int query, int count, int blocks, int first, int end) {
      long scores = own.scores.address();
      long scoreBytes = (long) padded * Float.BYTES;
      long tileBytes = (long) tileRows * panelRowBytes;
      long sums = own.sums.address();
      for (int key = first; key < end; key += LayerKernels.MOST_DEPTH) {
        int depth = Math.min(LayerKernels.MOST_DEPTH, end - key);
        long packed = own.packed.address();
        kernels.packRows(scores + (long) key * Float.BYTES, scoreBytes, tileRows, depth, packed);
        for (int block = 0; block < blocks; block++) {
          long values = own.values.address() + ((long) block * keys + key) * panelRowBytes;
          long sum = sums + block * tileBytes;
          long part = key == first ? sum : sums + blocks * tileBytes;
          kernels.tile(packed, values, depth, zeros.address(), part, panelRowBytes);
          if (key > first) {
            kernels.add(sum, part, sum, tileRows * panelWidth);
          }
        }
      }
      long outBytes = (long) heads.outputWidth() * Float.BYTES;
      long row = (long) context * batch.queries() + query - batch.first();
      for (int block = 0; block < blocks; block++) {
        int column = head * headDim + block * panelWidth;
        int columns = Math.min(panelWidth, headDim - block * panelWidth);
        for (int i = 0; i < count; i++) {
          MemorySegment.copy(
              own.sums,
              block * tileBytes + (long) i * panelRowBytes,
              ALL,
              out + (row + i) * outBytes + (long) column * Float.BYTES,
              (long) columns * Float.BYTES);
        }
      }
    }
  }
}
