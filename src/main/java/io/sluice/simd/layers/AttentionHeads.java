package io.sluice.simd.layers;

import io.sluice.memory.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The heads of an attention layer and where they lie in a row that holds queries, keys and values
 * side by side: query head {@code h} starts at {@code queryAt + h · queryStep}, and so on. Query
 * head {@code h} reads key and value head {@code h / (heads / keyValueHeads)}.
 *
 * @param heads query heads
 * @param keyValueHeads key and value heads; divides {@code heads}
 * @param headDim width of a head
 * @param rowWidth values of a row
 * @param queryNorm weights of an RMS norm on each query, or null
 * @param keyNorm weights of an RMS norm on each key, or null
 * @param normEpsilon of those norms
 * @param rule which keys a query attends to and what becomes of the scores
 */
public record AttentionHeads(
    int heads,
    int keyValueHeads,
    int headDim,
    int rowWidth,
    int queryAt,
    int queryStep,
    int keyAt,
    int keyStep,
    int valueAt,
    int valueStep,
    float[] queryNorm,
    float[] keyNorm,
    float normEpsilon,
    Rule rule) {

  /**
   * Which keys a query attends to and what becomes of the scores.
   *
   * @param causal whether keys after a query are hidden from it
   * @param window a query attends to keys that are nearer than this, before it and, if they are not
   *     hidden, after it; 0 for all
   * @param scale factor on the scores
   * @param cap {@code c} in {@code c·tanh(scores / c)}; 0 for none
   */
  public record Rule(boolean causal, int window, float scale, float cap) {
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

    int firstKey(int query) {
      return window > 0 ? Math.max(0, query - window + 1) : 0;
    }

    int endKey(int query, int keys) {
      if (causal) {
        return Math.min(query + 1, keys);
      }
      return window > 0 && window < keys - query ? query + window : keys;
    }

    /**
     * Makes weights of the scores in {@code [from, to)} of a row, and 0 of those around them.
     *
     * @param scores address of a row, which begins with a whole vector and has room for whole ones
     * @param first the first column that is read afterwards
     * @param end where those columns end
     */
    void weigh(LayerKernels kernels, long scores, int first, int from, int to, int end) {
      int lanes = kernels.panelWidth() / 2;
      int wholeFrom = from / lanes * lanes;
      int wholeTo = Math.ceilDiv(to, lanes) * lanes;
      long at = scores + (long) wholeFrom * Float.BYTES;
      if (cap > 0) {
        kernels.limit(at, wholeTo - wholeFrom, scale, cap);
      }
      set(scores, wholeFrom, from, Float.NEGATIVE_INFINITY);
      set(scores, to, wholeTo, Float.NEGATIVE_INFINITY);
      kernels.softmax(at, wholeTo - wholeFrom, cap > 0 ? 1 : scale);
      set(scores, first, from, 0);
      set(scores, to, end, 0);
    }

    private static void set(long scores, int from, int to, float value) {
      for (int i = from; i < to; i++) {
        NativeMemory.ALL.set(FLOAT, scores + (long) i * Float.BYTES, value);
      }
    }
  }

  /** The widest head that {@link RowAttention} takes. */
  public static final int MOST_HEAD_DIM = LayerKernels.MOST_DEPTH;

  /**
   * Checks that all heads lie inside a row.
   *
   * @throws IllegalArgumentException if a number is out of range or two do not fit each other
   */
  public AttentionHeads {
    if (heads < 1 || keyValueHeads < 1 || heads % keyValueHeads != 0 || headDim < 1) {
      throw new IllegalArgumentException(
          "%d heads of %d with %d of keys and values".formatted(heads, headDim, keyValueHeads));
    }
    if (headDim > MOST_HEAD_DIM) {
      throw new IllegalArgumentException(
          "heads of width " + headDim + ", where " + MOST_HEAD_DIM + " is the most");
    }
    if ((long) heads * headDim > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          heads + " heads of " + headDim + " make a row of output too wide for 31 bits");
    }
    if (rule.window() < 0) {
      throw new IllegalArgumentException("an attention window of " + rule.window());
    }
    requireInside(queryAt, queryStep, heads, headDim, rowWidth);
    requireInside(keyAt, keyStep, keyValueHeads, headDim, rowWidth);
    requireInside(valueAt, valueStep, keyValueHeads, headDim, rowWidth);
    requireWidth(queryNorm, headDim);
    requireWidth(keyNorm, headDim);
  }

  private static void requireInside(int at, int step, int count, int headDim, int rowWidth) {
    if (at < 0 || step < 0 || at + (long) (count - 1) * step + headDim > rowWidth) {
      throw new IllegalArgumentException(
          "%d heads of %d from %d in steps of %d do not fit into a row of %d"
              .formatted(count, headDim, at, step, rowWidth));
    }
  }

  private static void requireWidth(float[] norm, int headDim) {
    if (norm != null && norm.length != headDim) {
      throw new IllegalArgumentException(
          "a norm of " + norm.length + " weights for heads of " + headDim);
    }
  }

  /** Values of a row of output: all heads side by side. */
  public int outputWidth() {
    return heads * headDim;
  }

  /**
   * The same heads in rows that begin with all queries, then have all keys, then all values, which
   * need no norm any more.
   */
  public AttentionHeads ready() {
    int queries = heads * headDim;
    int keys = keyValueHeads * headDim;
    return new AttentionHeads(
        heads,
        keyValueHeads,
        headDim,
        Math.addExact(queries, Math.multiplyExact(2, keys)),
        0,
        headDim,
        queries,
        headDim,
        queries + keys,
        headDim,
        null,
        null,
        0,
        rule);
  }

  /**
   * Copies a query or key, normalised and rotated.
   *
   * @param from address of it in its row
   * @param weights of its norm, or null
   * @param angles rotate it by its position; null for none
   * @param to address of room for it
   */
  void read(
      LayerKernels kernels,
      long from,
      float[] weights,
      RotaryAngles angles,
      int position,
      long to) {
    if (weights == null) {
      MemorySegment.copy(
          NativeMemory.ALL, from, NativeMemory.ALL, to, (long) headDim * Float.BYTES);
    } else {
      kernels.rmsNorm(from, headDim, weights, normEpsilon, to);
    }
    if (angles != null) {
      angles.rotate(kernels, to, position);
    }
  }
}
