package io.sluice.simd.single;

import io.sluice.memory.HugeMemory;
import io.sluice.memory.MappedPages;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * A copy of a row-major float32 matrix in the form that {@link RowKernels} read: in one of three
 * formats, every row at a multiple of 64 bytes and padded with zeros, in memory of large pages.
 * Immutable; the memory is freed after the last reference to it is gone.
 *
 * <p>Rows lie one after the other. Stream {@code j} of the kernels is the {@code j}-th eighth of
 * them; where the rows do not divide by eight, rows of zeros follow the last.
 */
final class PackedRows {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int LINE = 64;

  /** Bytes of rows that are packed at a time. */
  private static final long PIECE = 16L << 20;

  private static final int LARGEST_BYTE = 127;

  /** Rows smaller than this are kept as zeros: their scale would be a denormal number. */
  private static final float VANISHING = 1e-30f;

  final RowFormat format;
  final int rows;
  final int width;
  final int paddedWidth;

  /** Bytes from one row to the next. */
  final long stride;

  /** Rows of one stream. */
  final int streamRows;

  final MemorySegment memory;

  /** One factor per row: what its stored values are to be multiplied by. */
  final float[] scales;

  /** One length per row: of the difference between the row and what is stored. */
  final double[] residuals;

  private PackedRows(RowFormat format, int rows, int width) {
    this.format = format;
    this.rows = rows;
    this.width = width;
    paddedWidth = Math.ceilDiv(width, RowKernels.PADDING) * RowKernels.PADDING;
    stride = (long) Math.ceilDiv(paddedWidth * format.bytes(), LINE) * LINE;
    streamRows = Math.ceilDiv(rows, RowKernels.STREAMS);
    // One more cache line: the narrowest byte vectors are longer than the part that is used.
    memory = HugeMemory.allocate(stride * streamRows * RowKernels.STREAMS + LINE, Arena.ofAuto());
    scales = new float[rows];
    residuals = new double[rows];
  }

  /**
   * Packs a matrix.
   *
   * @param values {@code [rows, width]}, float32, finite
   */
  static PackedRows of(MemorySegment values, int rows, int width, RowFormat format) {
    PackedRows packed = new PackedRows(format, rows, width);
    float[] row = new float[width];
    long rowBytes = (long) width * Float.BYTES;
    int most = (int) Math.max(1, PIECE / rowBytes);
    for (int first = 0; first < rows; first += Math.min(most, rows - first)) {
      MemorySegment piece =
          values.asSlice(first * rowBytes, Math.min(most, rows - first) * rowBytes);
      for (long at = 0; at < piece.byteSize(); at += rowBytes) {
        MemorySegment.copy(piece, FLOAT, at, row, 0, width);
        packed.store(first + (int) (at / rowBytes), row);
      }
      MappedPages.release(piece);
    }
    return packed;
  }

  /** Bytes that the rows take. */
  long bytes() {
    return memory.byteSize();
  }

  private void store(int r, float[] row) {
    long at = r * stride;
    double squares = 0;
    scales[r] = 1;
    switch (format) {
      case F32 -> MemorySegment.copy(row, 0, memory, FLOAT, at, width);
      case BF16 -> {
        for (int i = 0; i < width; i++) {
          short upper = upperHalf(row[i]);
          memory.set(SHORT, at + (long) i * Short.BYTES, upper);
          double error = row[i] - Float.intBitsToFloat(upper << Short.SIZE);
          squares += error * error;
        }
      }
      case I8 -> {
        float largest = 0;
        for (float value : row) {
          largest = Math.max(largest, Math.abs(value));
        }
        if (largest >= VANISHING) {
          scales[r] = largest / LARGEST_BYTE;
        }
        for (int i = 0; i < width; i++) {
          int whole = largest < VANISHING ? 0 : Math.round(row[i] / scales[r]);
          whole = Math.clamp(whole, -LARGEST_BYTE, LARGEST_BYTE);
          memory.set(ValueLayout.JAVA_BYTE, at + i, (byte) whole);
          double error = row[i] - (double) scales[r] * whole;
          squares += error * error;
        }
      }
    }
    residuals[r] = Math.sqrt(squares);
  }

  /** The bfloat16 nearest to a finite float32, ties to even; never beyond the finite ones. */
  private static short upperHalf(float value) {
    int bits = Float.floatToRawIntBits(value);
    int rounded = bits + 0x7fff + (bits >>> 16 & 1);
    boolean overflow = (rounded & 0x7f80_0000) == 0x7f80_0000;
    return (short) ((overflow ? bits : rounded) >>> 16);
  }
}
