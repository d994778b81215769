package io.sluice.simd;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.Objects;

/**
 * Products of rows with packed matrices, on the threads of a group: {@code y = f(x · Wᵀ + b)}.
 *
 * <p>Rows are taken in blocks that stay in the second-level cache; a block meets a few panels of
 * the matrix in one task. Every element is summed in the same order whatever the sizes and threads,
 * so a row's result does not depend on the rows beside it.
 */
public final class RowProduct {
  /** Bytes of a block of rows. */
  private static final long BLOCK_BYTES = 512 << 10;

  private static final int MOST_BLOCK_ROWS = 21 * LayerKernels.TILE_ROWS;

  /** Panels that a block meets in one task. */
  private static final int GROUP = 4;

  /** Columns of a step: what a panel has in this many is still in the second-level cache. */
  private static final int DEPTH = 4096;

  private final LayerKernels kernels;
  private final Workers workers;
  private final int panelWidth;
  private final int panelRowBytes;
  private final ThreadLocal<Scratch> scratch = ThreadLocal.withInitial(Scratch::new);

  /** Products with the best kernels of this machine. */
  public RowProduct(Workers workers) {
    this(KernelProvider.layerKernels(), workers);
  }

  RowProduct(LayerKernels kernels, Workers workers) {
    this.kernels = kernels;
    this.workers = workers;
    this.panelWidth = kernels.panelWidth();
    this.panelRowBytes = panelWidth * Float.BYTES;
  }

  private MemorySegment newTile() {
    return Arena.ofAuto().allocate((long) LayerKernels.TILE_ROWS * panelRowBytes, 64);
  }

  /** Memory of one thread, for tiles that reach past the rows or the matrix. */
  private final class Scratch {
    final MemorySegment tile = newTile();
    final MemorySegment gate = newTile();
    final MemorySegment exponents = newTile();
    final MemorySegment part = newTile();
    final MemorySegment zeros = Arena.ofAuto().allocate(panelRowBytes, 64);
    MemorySegment rows = MemorySegment.NULL;

    /** Where the last rows are, and rows of zeros up to a whole tile. */
    long padded(long x, int count, long rowBytes) {
      if (rows.byteSize() < LayerKernels.TILE_ROWS * rowBytes) {
        rows = Arena.ofAuto().allocate(LayerKernels.TILE_ROWS * rowBytes, 64);
      }
      MemorySegment.copy(NativeMemory.ALL, x, rows, 0, count * rowBytes);
      rows.asSlice(count * rowBytes, (LayerKernels.TILE_ROWS - count) * rowBytes).fill((byte) 0);
      return rows.address();
    }
  }

  /**
   * {@code y = x·Wᵀ + b}.
   *
   * @param x {@code [rows, in]} float32, native
   * @param y {@code [rows, out]} float32, native, not {@code x}
   * @throws IndexOutOfBoundsException if the memory is too small
   * @throws IllegalArgumentException if it is on the heap
   * @throws IllegalStateException if it, or that of the matrix, was freed
   */
  public void multiply(PackedMatrix matrix, MemorySegment x, int rows, MemorySegment y) {
    run(null, matrix, null, x, rows, y);
  }

  /**
   * {@code y = f(x·Wᵀ + b)}; else as {@link #multiply(PackedMatrix, MemorySegment, int,
   * MemorySegment)}.
   */
  public void multiply(
      PackedMatrix matrix, Nonlinearity function, MemorySegment x, int rows, MemorySegment y) {
    run(null, matrix, Objects.requireNonNull(function), x, rows, y);
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
      MemorySegment y) {
    if (gate.out() != matrix.out() || gate.in() != matrix.in()) {
      throw new IllegalArgumentException(
          "a gate of [%d, %d] for a matrix of [%d, %d]"
              .formatted(gate.out(), gate.in(), matrix.out(), matrix.in()));
    }
    run(gate, matrix, Objects.requireNonNull(function), x, rows, y);
  }

  private void run(
      PackedMatrix gate,
      PackedMatrix matrix,
      Nonlinearity function,
      MemorySegment x,
      int rows,
      MemorySegment y) {
    long inBytes = (long) matrix.in() * Float.BYTES;
    long outBytes = (long) matrix.out() * Float.BYTES;
    long from = NativeMemory.address(x, rows * inBytes);
    long to = NativeMemory.address(y, rows * outBytes);
    matrix.requireAlive();
    if (gate != null) {
      gate.requireAlive();
    }
    int blockRows = blockRows(inBytes);
    int blocks = Math.ceilDiv(rows, blockRows);
    int panels = Math.ceilDiv(matrix.out(), panelWidth);
    int groups = Math.ceilDiv(panels, GROUP);
    workers.run(
        Math.multiplyExact(blocks, groups),
        task -> {
          // Neighbouring tasks share their panels, so that threads read each panel at one time.
          int first = task % blocks * blockRows;
          int end = Math.min(rows, first + blockRows);
          int firstPanel = task / blocks * GROUP;
          int endPanel = Math.min(panels, firstPanel + GROUP);
          Scratch own = scratch.get();
          for (int panel = firstPanel; panel < endPanel; panel++) {
            for (int row = first; row < end; row += LayerKernels.TILE_ROWS) {
              int count = Math.min(LayerKernels.TILE_ROWS, end - row);
              tile(own, gate, matrix, function, panel, from, row, count, to);
            }
          }
        });
    Reference.reachabilityFence(x);
    Reference.reachabilityFence(y);
    Reference.reachabilityFence(matrix);
    Reference.reachabilityFence(gate);
  }

  /**
   * Some rows' products with some panels, in the calling thread.
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
    int wholeRows = Math.ceilDiv(rows, LayerKernels.TILE_ROWS) * LayerKernels.TILE_ROWS;
    long from = NativeMemory.address(x, (firstRow + rows) * inBytes) + firstRow * inBytes;
    long to = NativeMemory.address(out, wholeRows * outRowBytes);
    matrix.requireAlive();
    for (int panel = firstPanel; panel < endPanel; panel++) {
      for (int row = 0; row < rows; row += LayerKernels.TILE_ROWS) {
        long at = from + row * inBytes;
        int count = Math.min(LayerKernels.TILE_ROWS, rows - row);
        product(
            own,
            matrix,
            panel,
            count == LayerKernels.TILE_ROWS ? at : own.padded(at, count, inBytes),
            to + row * outRowBytes + (long) (panel - firstPanel) * panelRowBytes,
            outRowBytes);
      }
    }
    Reference.reachabilityFence(x);
    Reference.reachabilityFence(out);
    Reference.reachabilityFence(matrix);
  }

  private static int blockRows(long inBytes) {
    long fitting = BLOCK_BYTES / inBytes / LayerKernels.TILE_ROWS * LayerKernels.TILE_ROWS;
    return Math.clamp(fitting, LayerKernels.TILE_ROWS, MOST_BLOCK_ROWS);
  }

  private void tile(
      Scratch own,
      PackedMatrix gate,
      PackedMatrix matrix,
      Nonlinearity function,
      int panel,
      long x,
      int row,
      int count,
      long y) {
    long inBytes = (long) matrix.in() * Float.BYTES;
    long outBytes = (long) matrix.out() * Float.BYTES;
    int column = panel * panelWidth;
    int columns = Math.min(panelWidth, matrix.out() - column);
    long rows = x + row * inBytes;
    if (count < LayerKernels.TILE_ROWS) {
      rows = own.padded(rows, count, inBytes);
    }
    if (gate != null) {
      product(own, gate, panel, rows, own.gate.address(), panelRowBytes);
    }
    long out = y + row * outBytes + (long) column * Float.BYTES;
    if (count == LayerKernels.TILE_ROWS && columns == panelWidth) {
      product(own, matrix, panel, rows, out, outBytes);
      finish(own, gate, function, out, outBytes);
      return;
    }
    long tile = own.tile.address();
    product(own, matrix, panel, rows, tile, panelRowBytes);
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

  private void product(
      Scratch own, PackedMatrix matrix, int panel, long rows, long out, long outRowBytes) {
    int in = matrix.in();
    long rowBytes = (long) in * Float.BYTES;
    long panelAt = matrix.panels().address() + panel * matrix.panelBytes();
    long start = matrix.bias().address() + (long) panel * panelRowBytes;
    kernels.tile(rows, rowBytes, panelAt, Math.min(in, DEPTH), start, out, outRowBytes);
    for (int t = DEPTH; t < in; t += DEPTH) {
      long part = own.part.address();
      kernels.tile(
          rows + (long) t * Float.BYTES,
          rowBytes,
          panelAt + (long) t * panelRowBytes,
          Math.min(in - t, DEPTH),
          own.zeros.address(),
          part,
          panelRowBytes);
      for (int i = 0; i < LayerKernels.TILE_ROWS; i++) {
        long row = out + i * outRowBytes;
        kernels.add(row, part + (long) i * panelRowBytes, row, panelWidth);
      }
    }
  }

  private void finish(
      Scratch own, PackedMatrix gate, Nonlinearity function, long out, long outRowBytes) {
    if (function == null) {
      return;
    }
    int rows = LayerKernels.TILE_ROWS;
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
