package io.sluice.engine.vector;

import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.memory.ScratchArrays;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The data of a batch in a {@link VectorArithmetic}, in arrays that may be longer than the batch.
 */
final class VectorBatch {
  /** Stands for the workers when memory is asked who may read it; never started. */
  private static final Thread ANOTHER_THREAD = new Thread();

  /** Tokens, and codes of all of them, of the last decode. */
  int rows;

  int entries;

  /** The input, centred and scaled: {@code [rows, inputWidth]}. */
  float[] seen = new float[0];

  /** The target, {@code [rows, outputWidth]}. */
  float[] wanted = new float[0];

  /** {@code [rows, outputWidth]}. */
  float[] reconstruction = new float[0];

  /** The gradient of the reconstruction, of each level: {@code [rows, levels, outputWidth]}. */
  float[] residualGradient = new float[0];

  /** By entry of the codes. */
  int[] codeFeatures = new int[0];

  float[] codeValues = new float[0];
  float[] codeGradients = new float[0];

  private final VectorTasks tasks;

  VectorBatch(VectorTasks tasks) {
    this.tasks = tasks;
  }

  /** Sets the codes that are decoded. */
  void take(Codes codes) {
    rows = codes.rows();
    entries = codes.entries();
    codeGradients = ScratchArrays.atLeast(codeGradients, entries);
    codeFeatures = featuresOf(codes, codeFeatures);
    codeValues = ScratchArrays.atLeast(codeValues, entries);
    MemorySegment.copy(codes.values(), DictionaryParameters.FLOAT, 0, codeValues, 0, entries);
  }

  /** The features of codes, in {@code array} if it is long enough. */
  static int[] featuresOf(Codes codes, int[] array) {
    int entries = codes.entries();
    int[] features = ScratchArrays.atLeast(array, entries);
    MemorySegment.copy(codes.features(), ValueLayout.JAVA_INT, 0, features, 0, entries);
    return features;
  }

  /**
   * Widens, scales and centres rows into {@code out}.
   *
   * @param shift what is subtracted from each row; null for nothing
   */
  void load(Rows rows, float[] shift, float[] out) {
    if (rows.memory().isAccessibleBy(ANOTHER_THREAD)) {
      tasks.forTokens(rows.count(), (first, end) -> widen(rows, first, end, shift, out));
    } else {
      // Memory of a confined arena: only its own thread may read it.
      widen(rows, 0, rows.count(), shift, out);
    }
  }

  private static void widen(Rows rows, int first, int end, float[] shift, float[] out) {
    int width = rows.width();
    int from = first * width;
    int count = (end - first) * width;
    float scale = rows.scale();
    if (rows.dtype() == DType.F32) {
      MemorySegment.copy(
          rows.memory(), DictionaryParameters.FLOAT, (long) from * Float.BYTES, out, from, count);
      if (scale != 1) {
        for (int i = from; i < from + count; i++) {
          out[i] *= scale;
        }
      }
    } else {
      for (int row = first; row < end; row++) {
        for (int column = 0; column < width; column++) {
          out[row * width + column] = rows.at(row, column);
        }
      }
    }
    if (shift != null) {
      for (int row = first; row < end; row++) {
        int at = row * width;
        for (int column = 0; column < width; column++) {
          out[at + column] -= shift[column];
        }
      }
    }
  }
}
