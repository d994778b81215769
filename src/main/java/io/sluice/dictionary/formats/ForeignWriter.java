package io.sluice.dictionary.formats;

import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.DictionarySource;
import io.sluice.dictionary.WeightRows;
import io.sluice.memory.DType;
import io.sluice.memory.HugeMemory;
import io.sluice.weights.TensorData;
import io.sluice.weights.TensorInfo;
import io.sluice.weights.TensorPieces;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Code shared by the writers of several formats. */
final class ForeignWriter {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  /** Side of the blocks in which matrices are transposed. */
  private static final int BLOCK = 64;

  /** Bytes of a transpose that are made at a time. */
  private static final long MOST_BYTES = 256L << 20;

  private ForeignWriter() {}

  static TensorPieces floats(String name, MemorySegment values, long... shape) {
    return TensorPieces.of(TensorData.of(name, DType.F32, values, shape));
  }

  static TensorPieces floats(String name, float[] values) {
    return floats(name, ForeignTensors.segment(values), values.length);
  }

  /** A matrix {@code [rows, columns]}, under a name. */
  static TensorPieces matrix(String name, WeightRows matrix, int rows, int columns) {
    return new TensorPieces(
        new TensorInfo(name, DType.F32, rows, columns),
        target -> matrix.forPieces(rows, columns, (first, piece) -> target.append(piece)));
  }

  /** The transpose of a matrix {@code [rows, columns]}, under a name. */
  static TensorPieces transposed(String name, WeightRows matrix, int rows, int columns) {
    return new TensorPieces(
        new TensorInfo(name, DType.F32, columns, rows),
        target -> {
          int most = Math.clamp(MOST_BYTES / ((long) rows * Float.BYTES), 1, columns);
          try (Arena arena = Arena.ofShared()) {
            MemorySegment out = HugeMemory.allocate((long) most * rows * Float.BYTES, arena);
            // Of a large matrix, all rows are read several times.
            for (int start = 0; start < columns; start += most) {
              int from = start;
              int count = Math.min(most, columns - start);
              matrix.forPieces(
                  rows,
                  columns,
                  (first, piece) -> transpose(piece, columns, from, count, out, rows, first));
              target.append(out.asSlice(0, (long) count * rows * Float.BYTES));
            }
          }
        });
  }

  /**
   * Copies columns of some rows into rows of the transpose.
   *
   * @param piece {@code [some rows, columns]}
   * @param start the first column, of {@code count}
   * @param out {@code [count, rows]}
   * @param first the first of the rows
   */
  private static void transpose(
      MemorySegment piece,
      int columns,
      int start,
      int count,
      MemorySegment out,
      int rows,
      int first) {
    int size = Math.toIntExact(piece.byteSize() / Float.BYTES / columns);
    for (int row = 0; row < size; row += BLOCK) {
      for (int column = 0; column < count; column += BLOCK) {
        for (int r = row; r < Math.min(size, row + BLOCK); r++) {
          for (int c = column; c < Math.min(count, column + BLOCK); c++) {
            out.setAtIndex(
                FLOAT,
                (long) c * rows + first + r,
                piece.getAtIndex(FLOAT, (long) r * columns + start + c));
          }
        }
      }
    }
  }

  /** Whether the dictionary writes another hook point than it reads. */
  static boolean isTranscoder(DictionarySource dictionary) {
    DictionaryConfig config = dictionary.config();
    return dictionary.hasSkip()
        || !config.inputHook().equals(config.outputHook())
        || config.inputWidth() != config.outputWidth();
  }

  /** The error for a dictionary that the format cannot represent. */
  static IllegalArgumentException refused(String library, String what, String remedy) {
    return new IllegalArgumentException(library + " has no " + what + "; " + remedy);
  }
}
