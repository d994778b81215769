package io.sluice.simd.layers;

import io.sluice.memory.GrowingMemory;
import io.sluice.memory.LiveMemory;
import io.sluice.memory.NativeMemory;
import io.sluice.memory.PerThread;
import io.sluice.memory.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.function.IntConsumer;

/**
 * Products of rows with packed matrices, on the threads of a group: {@code y = f(x · Wᵀ + b)}.
 * Several threads may call one object at a time, each with a group of its own.
 *
 * <p>Rows are taken in blocks that stay in the second-level cache; a task packs one and multiplies
 * it with panels of the matrix. Every element is summed in the same order whatever the sizes and
 * threads, so a row's result does not depend on the rows beside it.
 */
public final class RowProduct {
  /** Bytes of a block of rows. */
  private static final long BLOCK_BYTES = 512 << 10;

  private static final int MOST_BLOCK_ROWS = 128;

  /** Tasks per thread, at least: threads are seldom equally fast. */
  private static final int TASKS = 4;

  /**
   * Panels that a tile of rows is multiplied with one after the other: they share the cache with a
   * block.
   */
  private static final int GROUP = 4;

  private static final int DEPTH = LayerKernels.MOST_DEPTH;

  /** Columns of a part, a divisor of {@link #DEPTH}. */
  private static final int PART = 512;

  /** So many columns are one part. */
  private static final int MOST_PART = 640;

  private final int part;
  private final int mostPart;
  private final LayerKernels kernels;
  private final int panelWidth;
  private final int panelRowBytes;
  private final int tileRows;
  private final long tileBytes;
  private final PerThread<Scratch> scratch = new PerThread<>(Scratch::new);

  /** Products with the best kernels of this machine. */
  public RowProduct() {
    this(LayerKernels.ofThisMachine());
  }

  RowProduct(LayerKernels kernels) {
    this(kernels, PART, MOST_PART);
  }

  private RowProduct(LayerKernels kernels, int part, int mostPart) {
    this.part = part;
    this.mostPart = mostPart;
    this.kernels = kernels;
    this.panelWidth = kernels.panelWidth();
    this.panelRowBytes = panelWidth * Float.BYTES;
    this.tileRows = kernels.tileRows();
    this.tileBytes = kernels.tileBytes();
  }

  /**
   * Products whose elements are summed from the first column to the last in one chain of
   * multiply-adds, as far as 2048 columns, where others add up sums of {@value #PART} columns. They
   * have the bits of a plain loop and are a little slower for wide rows.
   */
  public static RowProduct inOneSum() {
    return new RowProduct(LayerKernels.ofThisMachine(), DEPTH, DEPTH);
  }

  private MemorySegment newTile() {
    return Arena.ofAuto().allocate((long) tileRows * panelRowBytes, 64);
  }

  /** Memory of one thread: packed rows, and tiles that are not, or not yet, part of a result. */
  private final class Scratch {
    final MemorySegment tile = newTile();
    final MemorySegment gate = newTile();
    final MemorySegment exponents = newTile();
    final MemorySegment part = newTile();
    final MemorySegment zeros = Arena.ofAuto().allocate(panelRowBytes, 64);
    final GrowingMemory packed = GrowingMemory.huge();

    /**
     * Packs rows.
     *
     * @return {@code [ceil(in / MOST_DEPTH)][ceil(count / tileRows)]} tiles
     */
    long pack(long x, int count, int in) {
      int tiles = Math.ceilDiv(count, tileRows);
      long bytes = Math.ceilDiv(in, DEPTH) * tiles * tileBytes;
      long packedAt = packed.ofBytes(bytes).address();
      long rowBytes = (long) in * Float.BYTES;
      long to = packedAt;
      for (int t = 0; t < in; t += DEPTH) {
        for (int tile = 0; tile < tiles; tile++, to += tileBytes) {
          int row = tile * tileRows;
          long from = x + row * rowBytes + (long) t * Float.BYTES;
          int taken = Math.min(tileRows, count - row);
          kernels.packRows(from, rowBytes, taken, Math.min(DEPTH, in - t), to);
        }
      }
      return packedAt;
    }
  }

  /**
   * {@code y = x·Wᵀ + b}.
   *
   * @param x {@code [rows, in]} float32, native
   * @param y {@code [rows, out]} float32, native, not {@code x}
   * @param workers who share the work
   * @throws IndexOutOfBoundsException if the memory is too small
   * @throws IllegalArgumentException if it is on the heap, or that of {@code y} may only be read
   * @throws IllegalStateException if it, or that of the matrix, was freed
   */
  public void multiply(
      PackedMatrix matrix, MemorySegment x, int rows, MemorySegment y, Workers workers) {
    run(null, matrix, null, x, rows, y, workers);
  }

  /**
   * {@code y = f(x·Wᵀ + b)}; else as {@link #multiply(PackedMatrix, MemorySegment, int,
   * MemorySegment, Workers)}.
   */
  public void multiply(
      PackedMatrix matrix,
      Nonlinearity function,
      MemorySegment x,
      int rows,
      MemorySegment y,
      Workers workers) {
    run(null, matrix, Objects.requireNonNull(function), x, rows, y, workers);
  }

  /**
   * {@code y = f(x·Gᵀ + c) · (x·Wᵀ + b)}, element by element.
   *
   * @param gate {@code G} and {@code c}, of the shape of {@code matrix}
   * @throws IllegalArgumentException if it has another shape
   */
  public void multiplyGated(
      PackedMatrix gate,
      Nonlinearity function,
      PackedMatrix matrix,
      MemorySegment x,
      int rows,
      MemorySegment y,
      Workers workers) {
    if (gate.out() != matrix.out() || gate.in() != matrix.in()) {
      throw new IllegalArgumentException(
          "a gate of [%d, %d] for a matrix of [%d, %d]"
              .formatted(gate.out(), gate.in(), matrix.out(), matrix.in()));
    }
    run(gate, matrix, Objects.requireNonNull(function), x, rows, y, workers);
  }

  private void run(
      PackedMatrix gate,
      PackedMatrix matrix,
      Nonlinearity function,
      MemorySegment x,
      int rows,
      MemorySegment y,
      Workers workers) {
    long inBytes = (long) matrix.in() * Float.BYTES;
    long outBytes = (long) matrix.out() * Float.BYTES;
    long from = NativeMemory.read(x, rows, inBytes);
    long to = NativeMemory.written(y, rows, outBytes);
    matrix.requireAlive();
    PackedMatrix other = gate == null ? matrix : gate;
    other.requireAlive();
    int blockRows = blockRows(inBytes);
    int blocks = Math.ceilDiv(rows, blockRows);
    int panels = Math.ceilDiv(matrix.out(), panelWidth);
    int groups = Math.clamp(TASKS * workers.threads() / Math.max(1, blocks), 1, panels);
    int groupPanels = Math.ceilDiv(panels, groups);
    int tasks = Math.multiplyExact(blocks, Math.ceilDiv(panels, groupPanels));
    IntConsumer some =
        task -> {
          // Neighbouring tasks share their panels, so that threads read each panel at one time.
          int first = task % blocks * blockRows;
          int end = Math.min(rows, first + blockRows);
          int firstPanel = task / blocks * groupPanels;
          int endPanel = Math.min(panels, firstPanel + groupPanels);
          Scratch own = scratch.get();
          long packed = own.pack(from + first * inBytes, end - first, matrix.in());
          int tiles = Math.ceilDiv(end - first, tileRows);
          for (int group = firstPanel; group < endPanel; group += GROUP) {
            int groupEnd = Math.min(endPanel, group + GROUP);
            if (function == null) {
              sum(own, matrix, group, groupEnd, packed, first, end, to);
              continue;
            }
            for (int tile = 0; tile < tiles; tile++) {
              int row = first + tile * tileRows;
              int count = Math.min(tileRows, end - row);
              long at = packed + tile * tileBytes;
              for (int panel = group; panel < groupEnd; panel++) {
                tile(own, gate, matrix, function, panel, at, tiles, row, count, to);
              }
            }
          }
        };
    LiveMemory.during(
        () -> workers.run(tasks, some),
        x,
        y,
        matrix.panels(),
        matrix.bias(),
        other.panels(),
        other.bias());
  }

  /**
   * Some rows' products with some panels, in the calling thread. The caller keeps memory alive.
   *
   * @param firstRow of {@code x}
   * @param rows how many
   * @param out {@code [rows up to whole tiles, panels · panelWidth]}; what is past the rows or the
   *     matrix has no meaning
   */
  void panels(
      PackedMatrix matrix,
      int firstPanel,
      int endPanel,
      MemorySegment x,
      int firstRow,
      int rows,
      MemorySegment out) {
    Scratch own = scratch.get();
    long inBytes = (long) matrix.in() * Float.BYTES;
    long outRowBytes = (long) (endPanel - firstPanel) * panelRowBytes;
    int wholeRows = Math.ceilDiv(rows, tileRows) * tileRows;
    long from = NativeMemory.read(x, (long) firstRow + rows, inBytes) + firstRow * inBytes;
    long to = NativeMemory.written(out, wholeRows, outRowBytes);
    matrix.requireAlive();
    long packed = own.pack(from, rows, matrix.in());
    int tiles = Math.ceilDiv(rows, tileRows);
    for (int panel = firstPanel; panel < endPanel; panel++) {
      for (int row = 0; row < rows; row += tileRows) {
        product(
            own,
            matrix,
            panel,
            packed + row / tileRows * tileBytes,
            tiles,
            to + row * outRowBytes + (long) (panel - firstPanel) * panelRowBytes,
            outRowBytes);
      }
    }
  }

  private int blockRows(long inBytes) {
    long fitting = BLOCK_BYTES / inBytes / tileRows * tileRows;
    return Math.clamp(fitting, tileRows, MOST_BLOCK_ROWS / tileRows * tileRows);
  }

  private void tile(
      Scratch own,
      PackedMatrix gate,
      PackedMatrix matrix,
      Nonlinearity function,
      int panel,
      long rows,
      int tiles,
      int row,
      int count,
      long y) {
    long outBytes = (long) matrix.out() * Float.BYTES;
    int column = panel * panelWidth;
    int columns = Math.min(panelWidth, matrix.out() - column);
    if (gate != null) {
      product(own, gate, panel, rows, tiles, own.gate.address(), panelRowBytes);
    }
    long out = y + row * outBytes + (long) column * Float.BYTES;
    if (count == tileRows && columns == panelWidth) {
      product(own, matrix, panel, rows, tiles, out, outBytes);
      finish(own, gate, function, out, outBytes);
      return;
    }
    long tile = own.tile.address();
    product(own, matrix, panel, rows, tiles, tile, panelRowBytes);
    finish(own, gate, function, tile, panelRowBytes);
    for (int i = 0; i < count; i++) {
      MemorySegment.copy(
          own.tile,
          (long) i * panelRowBytes,
          NativeMemory.ALL,
          out + i * outBytes,
          (long) columns * Float.BYTES);
    }
  }

  /**
   * A block's product with some panels, and no function of it. Columns are taken part by part: what
   * a tile of rows has of a part stays in the nearest cache while it is multiplied with the panels.
   */
  private void sum(
      Scratch own,
      PackedMatrix matrix,
      int firstPanel,
      int endPanel,
      long packed,
      int first,
      int end,
      long y) {
    int in = matrix.in();
    int tiles = Math.ceilDiv(end - first, tileRows);
    long outBytes = (long) matrix.out() * Float.BYTES;
    int step = part(in);
    for (int t = 0; t < in; t += step) {
      for (int tile = 0; tile < tiles; tile++) {
        int row = first + tile * tileRows;
        int count = Math.min(tileRows, end - row);
        long at = packed + tile * tileBytes;
        for (int panel = firstPanel; panel < endPanel; panel++) {
          if (count < tileRows || (panel + 1L) * panelWidth > matrix.out()) {
            if (t == 0) {
              tile(own, null, matrix, null, panel, at, tiles, row, count, y);
            }
            continue;
          }
          long out = y + row * outBytes + (long) panel * panelRowBytes;
          addPart(own, matrix, panel, at, tiles, t, out, outBytes);
        }
      }
    }
  }

  /**
   * One tile.
   *
   * @param rows the tile's first columns
   * @param tiles how many tiles are packed beside it
   */
  private void product(
      Scratch own,
      PackedMatrix matrix,
      int panel,
      long rows,
      int tiles,
      long out,
      long outRowBytes) {
    for (int t = 0; t < matrix.in(); t += part(matrix.in())) {
      addPart(own, matrix, panel, rows, tiles, t, out, outRowBytes);
    }
  }

  /** What a tile's columns from {@code t} on add to the bias and to the columns before them. */
  private void addPart(
      Scratch own,
      PackedMatrix matrix,
      int panel,
      long rows,
      int tiles,
      int t,
      long out,
      long outRowBytes) {
    int depth = Math.min(part(matrix.in()), matrix.in() - t);
    long at = rows + partAt(t, tiles);
    long panelAt = matrix.panelAt(panel) + (long) t * panelRowBytes;
    if (t == 0) {
      kernels.tile(at, panelAt, depth, matrix.biasAt(panel), out, outRowBytes);
    } else {
      long more = own.part.address();
      kernels.tile(at, panelAt, depth, own.zeros.address(), more, panelRowBytes);
      kernels.addTile(more, out, outRowBytes);
    }
  }

  /** Columns that are summed at once. */
  private int part(int in) {
    return in <= mostPart ? in : part;
  }

  /** Where a tile's columns from {@code t} on are, beside its first ones. */
  private long partAt(int t, int tiles) {
    return (long) (t / DEPTH) * tiles * tileBytes + (long) (t % DEPTH) * Float.BYTES;
  }

  private void finish(
      Scratch own, PackedMatrix gate, Nonlinearity function, long out, long outRowBytes) {
    if (function == null) {
      return;
    }
    int rows = tileRows;
    long exponents = own.exponents.address();
    if (gate == null) {
      kernels.apply(function, out, outRowBytes, rows, panelWidth, exponents);
    } else {
      long factors = own.gate.address();
      kernels.apply(function, factors, panelRowBytes, rows, panelWidth, exponents);
      kernels.multiply(out, outRowBytes, factors, rows, panelWidth);
    }
  }
}
