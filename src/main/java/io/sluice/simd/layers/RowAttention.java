package io.sluice.simd.layers;

import io.sluice.memory.GrowingMemory;
import io.sluice.memory.LiveMemory;
import io.sluice.memory.NativeMemory;
import io.sluice.memory.PerThread;
import io.sluice.memory.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.util.function.IntConsumer;

/**
 * Attention whose products Sluice's own kernels compute. Keys and values of one head are packed
 * into panels once; then a tile of queries at a time is multiplied with them. Heads are rotated and
 * normalised while they are packed, so that only the rows and the result are in memory as a whole.
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
    final GrowingMemory keys = new GrowingMemory();
    final GrowingMemory values = new GrowingMemory();
    final GrowingMemory scores = new GrowingMemory();
    final GrowingMemory queries = new GrowingMemory();
    final GrowingMemory packed = new GrowingMemory();
    final GrowingMemory sums = new GrowingMemory();
    final GrowingMemory head = new GrowingMemory();
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

  /** The tiles of one task. */
  private final class Pass extends AttentionPass {
    private final long out;

    /** Columns of a row of scores: keys up to a whole panel. */
    private final int padded = Math.ceilDiv(keys, panelWidth) * panelWidth;

    /** Panels of a head's values. */
    private final int blocks = Math.ceilDiv(headDim, panelWidth);

    private MemorySegment ownKeys;
    private MemorySegment values;
    private long scores;
    private long queries;
    private long packed;
    private MemorySegment sums;
    private MemorySegment head;

    private Pass(
        AttentionHeads heads,
        RotaryAngles angles,
        Batch batch,
        MemorySegment rows,
        MemorySegment out,
        int task) {
      super(heads, angles, batch, rows, task);
      this.out = out.address();
    }

    void run(Scratch own) {
      ownKeys = own.keys.of(padded, headDim);
      values = own.values.ofBytes((long) blocks * keys * panelRowBytes);
      scores = own.scores.of(tileRows, padded).address();
      queries = own.queries.ofBytes(kernels.tileBytes()).address();
      packed = own.packed.ofBytes(kernels.tileBytes()).address();
      sums = own.sums.ofBytes((blocks + 1L) * tileRows * panelRowBytes);
      head = own.head.of(1, headDim);
      packKeys();
      packValues();
      for (int query = batch.first(); query < batch.length(); query += tileRows) {
        int count = Math.min(tileRows, batch.length() - query);
        for (int number = firstHead; number < endHead; number++) {
          attend(number, query, count);
        }
      }
      Reference.reachabilityFence(own);
    }

    private void packKeys() {
      for (int key = 0; key < padded; key++) {
        long place = (long) (key / panelWidth) * headDim * panelWidth + key % panelWidth;
        long to = ownKeys.address() + place * Float.BYTES;
        if (key < keys) {
          readKey(kernels, key, head.address());
        }
        for (int i = 0; i < headDim; i++) {
          ALL.set(
              FLOAT,
              to + (long) i * panelRowBytes,
              key < keys ? head.get(FLOAT, (long) i * Float.BYTES) : 0);
        }
      }
    }

    private void packValues() {
      for (int block = 0; block < blocks; block++) {
        int columns = Math.min(panelWidth, headDim - block * panelWidth);
        for (int key = 0; key < keys; key++) {
          long from = at(key, valueAt() + (long) block * panelWidth);
          long to = ((long) block * keys + key) * panelRowBytes;
          MemorySegment.copy(ALL, from, values, to, (long) columns * Float.BYTES);
          for (int i = columns; i < panelWidth; i++) {
            values.set(FLOAT, to + (long) i * Float.BYTES, 0);
          }
        }
      }
    }

    private void attend(int number, int query, int count) {
      for (int i = 0; i < tileRows; i++) {
        // Rows past the last are copies of it: whatever they give is not read.
        int row = query + Math.min(i, count - 1);
        readQuery(kernels, number, row, queries + i * LayerKernels.PITCH_BYTES);
      }
      int first = firstKey(query);
      int end = endKey(query + count - 1);
      score(first, end);
      for (int i = 0; i < tileRows; i++) {
        int row = query + Math.min(i, count - 1);
        long at = scores + (long) i * padded * Float.BYTES;
        heads.rule().weigh(kernels, at, first, firstKey(row), endKey(row), end);
      }
      mix(number, query, count, first, end);
    }

    private void score(int first, int end) {
      long scoreBytes = (long) padded * Float.BYTES;
      for (int panel = first / panelWidth; panel * panelWidth < end; panel++) {
        kernels.tile(
            queries,
            ownKeys.address() + (long) panel * headDim * panelRowBytes,
            headDim,
            zeros.address(),
            scores + (long) panel * panelRowBytes,
            scoreBytes);
      }
    }

    /** Sums values by weights, a tile's depth of keys at a time. */
    private void mix(int number, int query, int count, int first, int end) {
      long scoreBytes = (long) padded * Float.BYTES;
      long tileBytes = (long) tileRows * panelRowBytes;
      long sumsAt = sums.address();
      for (int key = first; key < end; key += LayerKernels.MOST_DEPTH) {
        int depth = Math.min(LayerKernels.MOST_DEPTH, end - key);
        kernels.packRows(scores + (long) key * Float.BYTES, scoreBytes, tileRows, depth, packed);
        for (int block = 0; block < blocks; block++) {
          long panel = values.address() + ((long) block * keys + key) * panelRowBytes;
          long sum = sumsAt + block * tileBytes;
          long part = key == first ? sum : sumsAt + blocks * tileBytes;
          kernels.tile(packed, panel, depth, zeros.address(), part, panelRowBytes);
          if (key > first) {
            kernels.add(sum, part, sum, tileRows * panelWidth);
          }
        }
      }
      long outBytes = (long) heads.outputWidth() * Float.BYTES;
      long row = outputRow(query);
      for (int block = 0; block < blocks; block++) {
        int column = number * headDim + block * panelWidth;
        int columns = Math.min(panelWidth, headDim - block * panelWidth);
        for (int i = 0; i < count; i++) {
          MemorySegment.copy(
              sums,
              block * tileBytes + (long) i * panelRowBytes,
              ALL,
              out + (row + i) * outBytes + (long) column * Float.BYTES,
              (long) columns * Float.BYTES);
        }
      }
    }
  }
}
