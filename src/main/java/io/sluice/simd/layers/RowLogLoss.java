package io.sluice.simd.layers;

import io.sluice.memory.LiveMemory;
import io.sluice.memory.NativeMemory;
import io.sluice.memory.PerThread;
import io.sluice.memory.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/**
 * The loss of rows that predict a class by a softmax over many classes: {@code log Σ_j exp(l_j) −
 * l_t} for logits {@code l = x · Wᵀ} and a row's class {@code t}. Logits exist a block at a time,
 * in a core's cache; a slice of the weights is packed, multiplied with all rows, and dropped, so
 * that the weights are in memory once.
 *
 * <p>{@link #compare} also says how far such predictions are from each other.
 *
 * <p>Results do not depend on the number of threads. An object may be used by one thread at a time.
 */
public final class RowLogLoss {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  /** Bytes of a slice of the weights; it and a block's logits share the second-level cache. */
  private static final long SLICE_BYTES = 1 << 20;

  private static final int MOST_COLUMNS = 1024;

  /** Whole tiles, of four rows and of six. */
  private static final int BLOCK_ROWS = 60;

  private static final Workers ALONE = Workers.of(1);

  private final LayerKernels kernels;
  private final Workers workers;
  private final RowProduct product;
  private final PerThread<Scratch> scratch = new PerThread<>(Scratch::new);

  /** With the best kernels of this machine. */
  public RowLogLoss(Workers workers) {
    this.kernels = LayerKernels.ofThisMachine();
    this.workers = workers;
    this.product = new RowProduct(kernels);
  }

  /** Memory of one thread. */
  private static final class Scratch {
    PackedMatrix slice;
    MemorySegment logits = MemorySegment.NULL;

    /**
     * Of {@link #compare} alone: a block's logits of the first variant, their exponentials, and the
     * logits of another variant.
     */
    MemorySegment compared = MemorySegment.NULL;
  }

  /**
   * The classes' weights.
   *
   * @param weights {@code [classes, in]} float32, row-major, native
   * @param classes at least 1
   * @param in at least 1
   * @param cap {@code c} in {@code c·tanh(l / c)}, which takes the place of a logit; 0 for none
   */
  public record Head(MemorySegment weights, int classes, int in, float cap) {
    /**
     * Checks the sizes.
     *
     * @throws IllegalArgumentException if one is not positive
     * @throws IndexOutOfBoundsException if the memory is too small
     */
    public Head {
      if (classes < 1 || in < 1) {
        throw new IllegalArgumentException("weights of [" + classes + ", " + in + "]");
      }
      Objects.checkFromIndexSize(
          0, NativeMemory.bytes(classes, (long) in * Float.BYTES), weights.byteSize());
    }
  }

  /**
   * The losses of rows.
   *
   * @param x {@code [targets.length, in]} float32, native
   * @param targets the class of each row
   * @return nats per row; NaN where a logit is
   * @throws IndexOutOfBoundsException if a target is no class, or the memory is too small
   * @throws IllegalArgumentException if {@code x} is on the heap
   * @throws IllegalStateException if memory was freed
   */
  public double[] losses(Head head, MemorySegment x, int[] targets) {
    int[] own = targets.clone();
    double[][] losses = new double[1][];
    NativeMemory.read(x, own.length, (long) head.in() * Float.BYTES);
    LiveMemory.during(() -> losses[0] = checked(head, x, own), x);
    return losses[0];
  }

  /**
   * What variants of the same rows predict.
   *
   * @param losses {@code [variants][targets]}, each as {@link RowLogLoss#losses} gives it
   * @param divergences {@code [variants][rows]}: {@code Σ_j p_j · log(p_j / q_j)} in nats, where
   *     {@code p} is the softmax of the first variant's row and {@code q} that of this one's; 0 for
   *     the first
   */
  public record Compared(double[][] losses, double[][] divergences) {}

  /**
   * The losses of variants of the same rows, and their divergence from the first variant.
   *
   * @param x {@code [variants, rows, in]} float32, native
   * @param targets the class of each of the first rows; the rows behind them have a divergence only
   * @throws IndexOutOfBoundsException if a target is no class, or the memory is too small
   * @throws IllegalArgumentException if there is no variant, {@code rows} is negative, there are
   *     more targets than rows, or {@code x} is on the heap
   * @throws IllegalStateException if memory was freed
   */
  public Compared compare(Head head, MemorySegment x, int variants, int rows, int[] targets) {
    if (variants < 1 || rows < 0 || targets.length > rows) {
      throw new IllegalArgumentException(
          variants + " variants of " + rows + " rows with " + targets.length + " targets");
    }
    int all = Math.multiplyExact(variants, rows);
    int[] own = targets.clone();
    Compared[] compared = new Compared[1];
    NativeMemory.read(x, all, (long) head.in() * Float.BYTES);
    LiveMemory.during(() -> compared[0] = checkedVariants(head, x, variants, rows, own), x);
    return compared[0];
  }

  private Compared checkedVariants(
      Head head, MemorySegment x, int variants, int rows, int[] targets) {
    for (int target : targets) {
      Objects.checkIndex(target, head.classes());
    }
    int columns = columns(head.in());
    int slices = Math.ceilDiv(head.classes(), columns);
    long blockBytes = (long) BLOCK_ROWS * columns * Float.BYTES;
    Variants found = new Variants(variants, rows, slices);
    workers.run(
        slices,
        slice -> {
          found.begin(slice);
          int first = slice * columns;
          int count = Math.min(columns, head.classes() - first);
          Scratch own = packed(head, columns, first, count);
          if (own.compared.byteSize() < 3 * blockBytes) {
            own.compared = Arena.ofAuto().allocate(3 * blockBytes, 64);
          }
          MemorySegment logits = own.compared.asSlice(0, blockBytes);
          MemorySegment others = own.compared.asSlice(2 * blockBytes, blockBytes);
          long rowBytes = (long) columns * Float.BYTES;
          int panels = columns / kernels.panelWidth();
          for (int row = 0; row < rows; row += BLOCK_ROWS) {
            int block = Math.min(BLOCK_ROWS, rows - row);
            for (int v = 0; v < variants; v++) {
              MemorySegment made = v == 0 ? logits : others;
              product.panels(own.slice, 0, panels, x, v * rows + row, block, made);
              for (int i = row; i < row + block; i++) {
                long at = (i - row) * rowBytes;
                int target = i < targets.length ? targets[i] - first : -1;
                long cleanRow = logits.address() + at;
                compareRow(
                    found,
                    slice,
                    v,
                    i,
                    cleanRow,
                    cleanRow + blockBytes,
                    made.address() + at,
                    count,
                    target,
                    head.cap());
              }
            }
          }
        });
    return found.compared(targets.length);
  }

  /**
   * One row's logits of a slice, of one variant.
   *
   * @param clean the first variant's logits of the row
   * @param exponentials room for their exponentials, which are there after the first variant
   * @param logits this variant's; {@code clean} itself for the first
   * @param target among these classes, or outside
   */
  private void compareRow(
      Variants found,
      int slice,
      int variant,
      int row,
      long clean,
      long exponentials,
      long logits,
      int count,
      int target,
      float cap) {
    int place = variant * found.rows + row;
    if (cap > 0) {
      kernels.limit(logits, count, 1, cap);
    }
    if (target >= 0 && target < count) {
      found.picked[place] = NativeMemory.ALL.get(FLOAT, logits + (long) target * Float.BYTES);
    }
    float largest = kernels.largest(logits, count);
    found.most[slice][place] = largest;
    if (variant == 0) {
      // The others still need the logits beside their exponentials.
      long bytes = (long) count * Float.BYTES;
      MemorySegment.copy(NativeMemory.ALL, logits, NativeMemory.ALL, exponentials, bytes);
      found.sums[slice][place] = kernels.exponentials(exponentials, count, largest, 1);
    } else {
      found.apart[slice][place] = weightedDifference(exponentials, clean, logits, count);
      found.sums[slice][place] = kernels.exponentials(logits, count, largest, 1);
    }
  }

  /** {@code Σ_j w_j · (a_j − b_j)}. */
  private static double weightedDifference(long w, long a, long b, int count) {
    double even = 0;
    double odd = 0;
    int j = 0;
    for (; j + 1 < count; j += 2) {
      long at = (long) j * Float.BYTES;
      even += weighted(w + at, a + at, b + at);
      odd += weighted(w + at + Float.BYTES, a + at + Float.BYTES, b + at + Float.BYTES);
    }
    if (j < count) {
      long at = (long) j * Float.BYTES;
      even += weighted(w + at, a + at, b + at);
    }
    return even + odd;
  }

  private static double weighted(long w, long a, long b) {
    double difference = (double) NativeMemory.ALL.get(FLOAT, a) - NativeMemory.ALL.get(FLOAT, b);
    return NativeMemory.ALL.get(FLOAT, w) * difference;
  }

  /** What the slices found of each row of each variant. */
  private static final class Variants {
    private final int variants;
    final int rows;
    final float[] picked;
    final float[][] most;
    final float[][] sums;

    /** {@code Σ_j exp(l_j − most) · (l_j − m_j)} with the first variant's l and this one's m. */
    final double[][] apart;

    Variants(int variants, int rows, int slices) {
      this.variants = variants;
      this.rows = rows;
      this.picked = new float[variants * rows];
      this.most = new float[slices][];
      this.sums = new float[slices][];
      this.apart = new double[slices][];
    }

    void begin(int slice) {
      most[slice] = new float[variants * rows];
      sums[slice] = new float[variants * rows];
      apart[slice] = new double[variants * rows];
    }

    Compared compared(int targets) {
      double[][] losses = new double[variants][targets];
      double[][] divergences = new double[variants][rows];
      for (int row = 0; row < rows; row++) {
        double own = logSum(most, sums, row);
        for (int v = 0; v < variants; v++) {
          int place = v * rows + row;
          double logSum = v == 0 ? own : logSum(most, sums, place);
          if (row < targets) {
            losses[v][row] = logSum - picked[place];
          }
          if (v > 0) {
            double mean = 0;
            for (int slice = 0; slice < most.length; slice++) {
              mean += apart[slice][place] * Math.exp(most[slice][row] - own);
            }
            divergences[v][row] = mean - own + logSum;
          }
        }
      }
      return new Compared(losses, divergences);
    }
  }

  private double[] checked(Head head, MemorySegment x, int[] targets) {
    int rows = targets.length;
    for (int target : targets) {
      Objects.checkIndex(target, head.classes());
    }
    int columns = columns(head.in());
    int slices = Math.ceilDiv(head.classes(), columns);
    float[] picked = new float[rows];
    float[][] most = new float[slices][];
    float[][] sums = new float[slices][];
    workers.run(
        slices,
        slice -> {
          most[slice] = new float[rows];
          sums[slice] = new float[rows];
          int first = slice * columns;
          int count = Math.min(columns, head.classes() - first);
          Scratch own = packed(head, columns, first, count);
          for (int row = 0; row < rows; row += BLOCK_ROWS) {
            int block = Math.min(BLOCK_ROWS, rows - row);
            product.panels(own.slice, 0, columns / kernels.panelWidth(), x, row, block, own.logits);
            for (int i = row; i < row + block; i++) {
              long at = own.logits.address() + (long) (i - row) * columns * Float.BYTES;
              if (head.cap() > 0) {
                kernels.limit(at, count, 1, head.cap());
              }
              int target = targets[i] - first;
              if (target >= 0 && target < count) {
                picked[i] = NativeMemory.ALL.get(FLOAT, at + (long) target * Float.BYTES);
              }
              float largest = kernels.largest(at, count);
              most[slice][i] = largest;
              sums[slice][i] = kernels.exponentials(at, count, largest, 1);
            }
          }
        });
    double[] losses = new double[rows];
    for (int i = 0; i < rows; i++) {
      losses[i] = logSum(most, sums, i) - picked[i];
    }
    return losses;
  }

  /** The logarithm of the sum of all slices' exponentials. */
  private static double logSum(float[][] most, float[][] sums, int row) {
    double largest = Double.NEGATIVE_INFINITY;
    for (float[] slice : most) {
      largest = Math.max(largest, slice[row]);
    }
    double sum = 0;
    for (int slice = 0; slice < most.length; slice++) {
      sum += sums[slice][row] * Math.exp(most[slice][row] - largest);
    }
    return largest + Math.log(sum);
  }

  /** Columns of a slice: whole panels. */
  private int columns(int in) {
    int panel = kernels.panelWidth();
    long fitting = SLICE_BYTES / ((long) in * Float.BYTES) / panel * panel;
    return Math.clamp(fitting, panel, MOST_COLUMNS);
  }

  private Scratch packed(Head head, int columns, int first, int count) {
    Scratch own = scratch.get();
    if (own.slice == null || own.slice.in() != head.in()) {
      own.slice = new PackedMatrix(columns, head.in(), Arena.ofAuto());
      own.logits = Arena.ofAuto().allocate((long) BLOCK_ROWS * columns * Float.BYTES, 64);
    }
    long rowBytes = (long) head.in() * Float.BYTES;
    MemorySegment weights = head.weights().asSlice(first * rowBytes, count * rowBytes);
    own.slice.set(0, count, weights, head.in(), 1, ALONE);
    return own;
  }
}
