package io.sluice.simd;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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

  private static final int MOST_BLOCK_ROWS = 128;

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

  /** Memory of one thread, for tiles that reach past the rows or the matrix. */
  private final class Scratch {
    final MemorySegment tile =
        Arena.ofAuto().allocate((long) LayerKernels.TILE_ROWS * panelRowBytes, 64);
    final MemorySegment gate =
        Arena.ofAuto().allocate((long) LayerKernels.TILE_ROWS * panelRowBytes, 64);
    MemorySegment rows = MemorySegment.NULL;

    /** The last rows, and rows of zeros up to a whole tile. */
    MemorySegment padded(MemorySegment x, long at, int count, long rowBytes) {
      if (rows.byteSize() < LayerKernels.TILE_ROWS * rowBytes) {
        rows = Arena.ofAuto().allocate(LayerKernels.TILE_ROWS * rowBytes, 64);
      }
      MemorySegment.copy(x, at, rows, 0, count * rowBytes);
      rows.asSlice(count * rowBytes, (LayerKernels.TILE_ROWS - count) * rowBytes).fill((byte) 0);
      return rows;
    }
  }

  /**
   * {@code y = x·Wᵀ + b}.
   *
   * @param x {@code [rows, in]} float32, native
   * @param y {@code [rows, out]} float32, native, not {@code x}
   * @throws IndexOutOfBoundsException if the memory is too small
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
    Objects.checkFromIndexSize(0, rows * inBytes, x.byteSize());
    Objects.checkFromIndexSize(0, rows * outBytes, y.byteSize());
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
              tile(own, gate, matrix, function, panel, x, row, Math.min(end - row, 8), y);
            }
          }
        });
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
      MemorySegment x,
      int row,
      int count,
      MemorySegment y) {
    long inBytes = (long) matrix.in() * Float.BYTES;
    long outBytes = (long) matrix.out() * Float.BYTES;
    int column = panel * panelWidth;
    int columns = Math.min(panelWidth, matrix.out() - column);
    long outAt = row * outBytes + (long) column * Float.BYTES;
    MemorySegment rows = x;
    long at = row * inBytes;
    if (count < LayerKernels.TILE_ROWS) {
      rows = own.padded(x, at, count, inBytes);
      at = 0;
    }
    if (gate != null) {
      product(gate, panel, rows, at, own.gate, 0, panelRowBytes);
    }
    if (count == LayerKernels.TILE_ROWS && columns == panelWidth) {
      product(matrix, panel, rows, at, y, outAt, outBytes);
      finish(own, gate, function, y, outAt, outBytes);
      return;
    }
    product(matrix, panel, rows, at, own.tile, 0, panelRowBytes);
    finish(own, gate, function, own.tile, 0, panelRowBytes);
    for (int i = 0; i < count; i++) {
      MemorySegment.copy(
          own.tile,
          (long) i * panelRowBytes,
          y,
          outAt + i * outBytes,
          (long) columns * Float.BYTES);
    }
  }

  private void product(
      PackedMatrix matrix,
      int panel,
      MemorySegment rows,
      long at,
      MemorySegment out,
      long outAt,
      long outRowBytes) {
    int in = matrix.in();
    long rowBytes = (long) in * Float.BYTES;
    long panelAt = panel * matrix.panelBytes();
    kernels.tile(
        rows,
        at,
        rowBytes,
        matrix.panels(),
        panelAt,
        Math.min(in, DEPTH),
        matrix.bias(),
        (long) panel * panelRowBytes,
        0,
        out,
        outAt,
        outRowBytes);
    for (int t = DEPTH; t < in; t += DEPTH) {
      kernels.tile(
          rows,
          at + (long) t * Float.BYTES,
          rowBytes,
          matrix.panels(),
          panelAt + (long) t * panelRowBytes,
          Math.min(in - t, DEPTH),
          out,
          outAt,
          outRowBytes,
          out,
          outAt,
          outRowBytes);
    }
  }

  private void finish(
      Scratch own,
      PackedMatrix gate,
      Nonlinearity function,
      MemorySegment out,
      long outAt,
      long outRowBytes) {
    if (function == null) {
      return;
    }
    for (int i = 0; i < LayerKernels.TILE_ROWS; i++) {
      long at = outAt + i * outRowBytes;
      if (gate == null) {
        kernels.apply(function, out, at, panelWidth);
      } else {
        kernels.gate(function, own.gate, (long) i * panelRowBytes, out, at, panelWidth);
      }
    }
  }
}
