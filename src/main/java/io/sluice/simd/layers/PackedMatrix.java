package io.sluice.simd.layers;

import io.sluice.memory.HugeMemory;
import io.sluice.memory.NativeMemory;
import io.sluice.memory.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/**
 * A weight matrix {@code [out, in]} and its bias, packed for products with many rows: {@code y = x
 * · Wᵀ + b}. Rows of the matrix that a tile needs at one step lie side by side, so that the product
 * reads it from end to end in whole vectors.
 *
 * <p>It is filled part by part with {@link #set}, by one thread; then any number of threads may
 * read it. The memory belongs to the arena, which must not be closed in the middle of a product.
 */
public final class PackedMatrix {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private static final int STRIP = 64;

  private final int out;
  private final int in;
  private final int panelWidth;
  private final MemorySegment panels;
  private final MemorySegment bias;

  /**
   * A matrix of zeros.
   *
   * @param out rows, which are what a product gives per row of input; at least 1
   * @param in columns; at least 1
   * @throws IllegalArgumentException if a size is not positive, or the arena gives other memory
   *     than was asked for
   */
  public PackedMatrix(int out, int in, Arena arena) {
    if (out < 1 || in < 1) {
      throw new IllegalArgumentException("a matrix of [" + out + ", " + in + "]");
    }
    this.out = out;
    this.in = in;
    this.panelWidth = LayerKernels.ofThisMachine().panelWidth();
    long padded = (long) Math.ceilDiv(out, panelWidth) * panelWidth;
    long rowBytes = (long) in * Float.BYTES;
    this.panels = HugeMemory.allocate(NativeMemory.bytes(padded, rowBytes), arena);
    this.bias = arena.allocate(padded * Float.BYTES, 64);
    // An arena may be of the caller's own making.
    NativeMemory.written(panels, padded, rowBytes);
    NativeMemory.written(bias, padded, Float.BYTES);
  }

  /** Number of results per row. */
  public int out() {
    return out;
  }

  /** Number of values per input row. */
  public int in() {
    return in;
  }

  /**
   * For those who read it by address.
   *
   * @throws IllegalStateException if its arena was closed
   */
  void requireAlive() {
    if (!panels.scope().isAlive() || !bias.scope().isAlive()) {
      throw new IllegalStateException("a matrix whose memory was freed");
    }
  }

  /** {@code [ceil(out / panelWidth)][in][panelWidth]}; what is past the matrix is zero. */
  MemorySegment panels() {
    return panels;
  }

  /** The address of one of the panels. */
  long panelAt(int panel) {
    return panels.address() + panel * panelBytes();
  }

  private long panelBytes() {
    return (long) in * panelWidth * Float.BYTES;
  }

  /** The address of a panel's part of the bias. */
  long biasAt(int panel) {
    return bias.address() + (long) panel * panelWidth * Float.BYTES;
  }

  /** One value per row of the matrix, zero past it. */
  MemorySegment bias() {
    return bias;
  }

  /**
   * Replaces rows.
   *
   * @param first the first row to replace
   * @param count how many
   * @param weights float32, element {@code [i, j]} at {@code i · rowStride + j · columnStride}
   * @param workers who shares the copying
   * @throws IndexOutOfBoundsException if the matrix has no such rows, or the memory is too small
   */
  public void set(
      int first,
      int count,
      MemorySegment weights,
      long rowStride,
      long columnStride,
      Workers workers) {
    check(first, count, weights, rowStride, columnStride);
    int firstPanel = first / panelWidth;
    int lastPanel = (first + count - 1) / panelWidth;
    workers.run(
        lastPanel - firstPanel + 1,
        task -> {
          int panel = firstPanel + task;
          int from = Math.max(first, panel * panelWidth);
          int to = (int) Math.min(first + (long) count, (panel + 1L) * panelWidth);
          long at = panel * panelBytes();
          // A strip of columns at a time: its part of the panel stays in the first-level cache.
          for (int start = 0; start < in; start += STRIP) {
            int end = Math.min(in, start + STRIP);
            for (int row = from; row < to; row++) {
              long source = (row - first) * rowStride;
              long target = at + (long) (row - panel * panelWidth) * Float.BYTES;
              for (int t = start; t < end; t++) {
                float value = weights.get(FLOAT, (source + t * columnStride) * Float.BYTES);
                panels.set(FLOAT, target + (long) t * panelWidth * Float.BYTES, value);
              }
            }
          }
        });
  }

  /**
   * Copies rows out, row-major float32.
   *
   * @throws IndexOutOfBoundsException if the matrix has no such rows, or the memory is too small
   */
  public void get(int first, int count, MemorySegment target) {
    check(first, count, target, in, 1);
    for (int i = 0; i < count; i++) {
      int row = first + i;
      long source = row / panelWidth * panelBytes() + (long) (row % panelWidth) * Float.BYTES;
      for (int t = 0; t < in; t++) {
        float value = panels.get(FLOAT, source + (long) t * panelWidth * Float.BYTES);
        target.set(FLOAT, ((long) i * in + t) * Float.BYTES, value);
      }
    }
  }

  /**
   * Replaces the biases of rows, which are zero at first.
   *
   * @throws IndexOutOfBoundsException if the matrix has no such rows
   */
  public void setBias(int first, float[] values) {
    Objects.checkFromIndexSize(first, values.length, out);
    MemorySegment.copy(values, 0, bias, FLOAT, (long) first * Float.BYTES, values.length);
  }

  /**
   * The biases of rows.
   *
   * @throws IndexOutOfBoundsException if the matrix has no such rows
   */
  public float[] bias(int first, int count) {
    Objects.checkFromIndexSize(first, count, out);
    return bias.asSlice((long) first * Float.BYTES, (long) count * Float.BYTES).toArray(FLOAT);
  }

  private void check(
      int first, int count, MemorySegment memory, long rowStride, long columnStride) {
    Objects.checkFromIndexSize(first, count, out);
    if (count == 0) {
      return;
    }
    // Strides are the caller's; each access is checked once more.
    long last =
        Math.addExact(
            Math.multiplyExact(count - 1L, rowStride), Math.multiplyExact(in - 1L, columnStride));
    Objects.checkIndex(last, memory.byteSize() / Float.BYTES);
  }
}
