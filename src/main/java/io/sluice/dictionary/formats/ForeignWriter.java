package io.sluice.dictionary.formats;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.memory.DType;
import io.sluice.weights.TensorData;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Code shared by the writers of several formats. */
final class ForeignWriter {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private ForeignWriter() {}

  static TensorData floats(String name, MemorySegment values, long... shape) {
    return TensorData.of(name, DType.F32, values, shape);
  }

  static TensorData floats(String name, float[] values) {
    return floats(name, ForeignTensors.segment(values), values.length);
  }

  /** The transpose of a matrix {@code [rows, columns]}, under a name. */
  static TensorData transposed(String name, MemorySegment matrix, int rows, int columns) {
    MemorySegment out = ForeignTensors.allocate((long) rows * columns);
    int block = 64;
    for (int row = 0; row < rows; row += block) {
      for (int column = 0; column < columns; column += block) {
        for (int r = row; r < Math.min(rows, row + block); r++) {
          for (int c = column; c < Math.min(columns, column + block); c++) {
            out.setAtIndex(
                FLOAT, (long) c * rows + r, matrix.getAtIndex(FLOAT, (long) r * columns + c));
          }
        }
      }
    }
    return floats(name, out, columns, rows);
  }

  /** Whether the dictionary writes another hook point than it reads. */
  static boolean isTranscoder(Dictionary dictionary) {
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
