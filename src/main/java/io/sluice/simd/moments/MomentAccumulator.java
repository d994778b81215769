package io.sluice.simd.moments;

import io.sluice.memory.Rows;
import io.sluice.memory.Workers;
import io.sluice.simd.NonFiniteException;
import io.sluice.simd.Panels;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.IntConsumer;

/**
 * Mean and second moments of any number of rows in one pass, float32 products at the speed of the
 * matrix tile with the accuracy of float64 sums.
 *
 * <p>Rows are packed into panels of {@value #DEPTH} rows, a chunk of rows at a time. Only the tiles
 * on and above the diagonal of {@code XᵀX} are computed, each by one thread. Sums are taken in
 * three steps: {@value #DEPTH} rows in registers and {@value #FLUSH} rows in float32, then blocks
 * are joined in float64, so that the rounding errors of 10⁸ rows do not add up. Each block is
 * shifted by the mean of what came before it, so that a large mean does not cancel the variance
 * away; blocks are joined by the formula of Chan, Golub and LeVeque (1983).
 *
 * <p>The result does not depend on the number of threads nor on how the rows were split into calls
 * of {@link #add}, bit for bit. An accumulator is used by one thread at a time.
 */
public final class MomentAccumulator {
  private static final int DEPTH = 128;
  private static final int CHUNK = 1024;

  /** Rows of a chunk on one thread: their panels stay in the second-level cache. */
  private static final int SMALL_CHUNK = 256;

  private static final int FLUSH = 4096;

  /** Rows of one packing task. */
  private static final int STRIP = 128;

  /**
   * Bytes between panels: with none, the same row of all panels would fall into the same few sets
   * of the nearest cache.
   */
  private static final int PADDING = 128;

  /** Never started: asked whether memory is confined to the thread that calls. */
  private static final Thread ANOTHER_THREAD = new Thread(() -> {});

  private final int width;
  private final MomentKernels kernels;
  private final Workers workers;
  private final int panelWidth;
  private final int panelCount;

  /**
   * The panels of the chunk being filled, {@code [CHUNK / DEPTH][panelCount]} of {@code
   * [DEPTH][panelWidth]} values and {@link #PADDING}.
   */
  private final MemorySegment panels;

  private final long panelBytes;
  private int filled;

  /** The numbers that are subtracted from each column while packing. */
  private final float[] shift;

  /** Sums of the current block: tiles {@code [panelWidth][panelWidth]} of the upper triangle. */
  private final MemorySegment products;

  private final double[] sums;
  private long blockRows;

  /** The sums of the finished blocks, in the layout of {@link #products}. */
  private final double[] scatter;

  private final double[] mean;
  private long count;

  /**
   * An accumulator with the best kernels of this machine on all its cores.
   *
   * @param width values per row
   */
  public MomentAccumulator(int width) {
    this(width, Workers.allCores());
  }

  /**
   * An accumulator with the best kernels of this machine.
   *
   * @param width values per row, at least 1
   * @param workers the threads that share the work
   */
  public MomentAccumulator(int width, Workers workers) {
    this(width, MomentKernels.ofThisMachine(), workers);
  }

  MomentAccumulator(int width, MomentKernels kernels, Workers workers) {
    if (width < 1) {
      throw new IllegalArgumentException("width must be at least 1, not " + width);
    }
    this.width = width;
    this.kernels = Objects.requireNonNull(kernels, "kernels");
    this.workers = Objects.requireNonNull(workers, "workers");
    this.panelWidth = kernels.panelWidth();
    this.panelCount = (width + panelWidth - 1) / panelWidth;
    int padded = panelCount * panelWidth;
    int cells = Math.multiplyExact(tiles(), panelWidth * panelWidth);
    this.panelBytes = (long) DEPTH * panelWidth * Float.BYTES + PADDING;
    this.panels = Panels.allocate(CHUNK / DEPTH * panelCount * panelBytes / Float.BYTES);
    this.shift = new float[padded];
    this.products = Panels.allocate(cells);
    this.sums = new double[padded];
    this.scatter = new double[cells];
    this.mean = new double[padded];
  }

  /** Values per row. */
  public int width() {
    return width;
  }

  /** Rows added so far. */
  public long count() {
    return count + blockRows + filled;
  }

  /**
   * Adds rows. The memory is read before this returns and not kept.
   *
   * @throws IllegalArgumentException if the rows have another width or a scale
   * @throws NonFiniteException if a value is NaN or infinite; rows before it may have been added,
   *     so the accumulator is of no more use
   */
  public void add(Rows rows) {
    if (rows.width() != width) {
      throw new IllegalArgumentException(
          "rows have " + rows.width() + " values, the accumulator takes " + width);
    }
    if (rows.scale() != 1) {
      throw new IllegalArgumentException(
          "moments are of rows as they are, not of rows times " + rows.scale());
    }
    int done = 0;
    while (done < rows.count()) {
      int n = Math.min(chunk() - filled, rows.count() - done);
      pack(rows, done, n);
      filled += n;
      done += n;
      if (filled == chunk()) {
        multiply();
      }
    }
  }

  /** The first chunk is large, as its mean shifts the first block. No sum depends on the others. */
  private int chunk() {
    return count + blockRows == 0 || workers.threads() > 1 ? CHUNK : SMALL_CHUNK;
  }

  /** Where a row of a panel starts. */
  private long place(int panel, int row) {
    long slice = (long) (row / DEPTH) * panelCount + panel;
    return panels.address() + slice * panelBytes + (long) (row % DEPTH) * panelWidth * Float.BYTES;
  }

  /** The moments of all rows added so far. More rows may be added afterwards. */
  public Moments moments() {
    multiply();
    flush();
    double[] full = new double[Math.multiplyExact(width, width)];
    for (int p = 0; p < panelCount; p++) {
      for (int q = p; q < panelCount; q++) {
        int tile = tile(p, q) * panelWidth * panelWidth;
        int rows = Math.min(panelWidth, width - p * panelWidth);
        int columns = Math.min(panelWidth, width - q * panelWidth);
        for (int i = 0; i < rows; i++) {
          for (int j = p == q ? i : 0; j < columns; j++) {
            double value = scatter[tile + i * panelWidth + j];
            int row = p * panelWidth + i;
            int column = q * panelWidth + j;
            full[row * width + column] = value;
            full[column * width + row] = value;
          }
        }
      }
    }
    return new Moments(count, Arrays.copyOf(mean, width), full);
  }

  /** Row by row: memory is then read in order. */
  private void pack(Rows rows, int first, int n) {
    AtomicBoolean finite = new AtomicBoolean(true);
    IntConsumer packStrip =
        strip -> {
          int end = Math.min(n, (strip + 1) * STRIP);
          boolean all = true;
          for (int t = strip * STRIP; t < end; t++) {
            all &= kernels.packRow(rows, first + t, shift, place(0, filled + t), panelBytes);
          }
          if (!all) {
            finite.set(false);
          }
        };
    int strips = Math.ceilDiv(n, STRIP);
    if (rows.memory().isAccessibleBy(ANOTHER_THREAD)) {
      workers.run(strips, packStrip);
    } else {
      for (int strip = 0; strip < strips; strip++) {
        packStrip.accept(strip);
      }
    }
    Reference.reachabilityFence(panels);
    if (!finite.get()) {
      refuseNonFinite(rows, first, n);
    }
  }

  /** What is not finite after the shift was so before, unless a value near the largest was. */
  private static void refuseNonFinite(Rows rows, int first, int n) {
    for (int row = first; row < first + n; row++) {
      for (int column = 0; column < rows.width(); column++) {
        float value = rows.at(row, column);
        if (!Float.isFinite(value)) {
          throw new NonFiniteException(row, column, value);
        }
      }
    }
  }

  private void multiply() {
    int rows = filled;
    filled = 0;
    if (rows == 0) {
      return;
    }
    if (count + blockRows == 0) {
      shiftFirstChunk(rows);
    }
    workers.run(tiles(), tile -> multiplyTile(tile, rows));
    // The tasks go by address.
    Reference.reachabilityFence(panels);
    Reference.reachabilityFence(products);
    blockRows += rows;
    if (blockRows >= FLUSH) {
      flush();
    }
  }

  /** Before the first chunk nothing is known of the mean, so its own is subtracted afterwards. */
  private void shiftFirstChunk(int rows) {
    double[] first = new double[shift.length];
    for (int p = 0; p < panelCount; p++) {
      sumColumns(p, rows, first);
      for (int j = 0; j < panelWidth; j++) {
        shift[p * panelWidth + j] = (float) (first[p * panelWidth + j] / rows);
      }
      for (int t = 0; t < rows; t++) {
        long at = (place(p, t) - panels.address()) / Float.BYTES;
        for (int j = 0; j < panelWidth; j++) {
          float value = Panels.get(panels, at + j) - shift[p * panelWidth + j];
          Panels.set(panels, at + j, value);
        }
      }
    }
  }

  private void sumColumns(int panel, int rows, double[] into) {
    for (int t = 0; t < rows; t += DEPTH) {
      kernels.columnSums(place(panel, t), Math.min(DEPTH, rows - t), into, panel * panelWidth);
    }
  }

  /** The two panels' slices of one depth stay in L1 while all their tiles are computed. */
  private void multiplyTile(int tile, int rows) {
    int p = leftPanel(tile);
    int q = p + tile - tile(p, p);
    if (p == q) {
      sumColumns(p, rows, sums);
    }
    int rowsOfC = Math.min(panelWidth, width - p * panelWidth);
    long c = products.address() + (long) tile * panelWidth * panelWidth * Float.BYTES;
    for (int t = 0; t < rows; t += DEPTH) {
      int depth = Math.min(DEPTH, rows - t);
      long a = place(p, t);
      long b = place(q, t);
      for (int i = 0; i < rowsOfC; i += kernels.tileRows()) {
        long left = a + (long) i * Float.BYTES;
        long out = c + (long) i * panelWidth * Float.BYTES;
        if (p == q) {
          kernels.diagonalTile(left, b, i, depth, out);
        } else {
          kernels.tile(left, b, depth, out);
        }
      }
    }
  }

  /** Joins the block to what came before it and starts a new one, shifted by the mean so far. */
  private void flush() {
    if (blockRows == 0) {
      return;
    }
    double n = blockRows;
    double total = count + n;
    double[] difference = new double[mean.length];
    for (int j = 0; j < mean.length; j++) {
      difference[j] = shift[j] + sums[j] / n - mean[j];
    }
    double weight = count * n / total;
    workers.run(
        tiles(),
        tile -> {
          int p = leftPanel(tile);
          int q = p + tile - tile(p, p);
          for (int i = 0; i < panelWidth; i++) {
            int at = (tile * panelWidth + i) * panelWidth;
            kernels.join(
                products.address() + (long) at * Float.BYTES,
                sums[p * panelWidth + i] / n,
                sums,
                difference[p * panelWidth + i] * weight,
                difference,
                q * panelWidth,
                scatter,
                at);
          }
        });
    Reference.reachabilityFence(products);
    for (int j = 0; j < mean.length; j++) {
      mean[j] += difference[j] * n / total;
      shift[j] = (float) mean[j];
      sums[j] = 0;
    }
    count += blockRows;
    blockRows = 0;
  }

  private int tiles() {
    return panelCount * (panelCount + 1) / 2;
  }

  /** The number of tile {@code (p, q)}, {@code q >= p}: row by row along the upper triangle. */
  private int tile(int p, int q) {
    return p * panelCount - p * (p - 1) / 2 + q - p;
  }

  private int leftPanel(int tile) {
    int p = 0;
    while (tile >= tile(p, p) + panelCount - p) {
      p++;
    }
    return p;
  }
}
