package io.sluice.lorsa.engine;

import java.util.Arrays;

/**
 * The sizes and settings of a low-rank sparse attention ("Lorsa", arXiv 2504.20938): many heads
 * that each write one number times one direction, of which {@code k} stay active at a position,
 * with queries and keys shared in groups.
 *
 * @param inputWidth width of what it reads
 * @param outputWidth width of what it writes
 * @param heads number of heads; head {@code h} belongs to group {@code h / (heads / groups)}
 * @param groups sets of queries and keys; divides {@code heads}
 * @param headDim width of a query
 * @param rotaryFrequencies angle per position of each pair {@code (i, i + n)} of the first {@code
 *     2n} dimensions of queries and keys; of length 0 where they are not rotated
 * @param scale the factor on the scores
 * @param cap {@code c} in {@code c·tanh(scores / c)}; 0 for none
 * @param window how many tokens a query attends to, itself included; 0 for all
 * @param causal whether a query attends only to tokens up to its own
 * @param k how many heads stay at a position, those with the largest activations; of them only
 *     positive ones fire
 * @param scoreByOutputNorm whether the score of a head is its activation times the norm of their
 *     output direction
 */
public record LorsaSpec(
    int inputWidth,
    int outputWidth,
    int heads,
    int groups,
    int headDim,
    float[] rotaryFrequencies,
    double scale,
    double cap,
    int window,
    boolean causal,
    int k,
    boolean scoreByOutputNorm) {
  /** Far above what any model has; what is larger is damage, and must not be allocated for. */
  private static final int MOST = 1 << 24;

  /**
   * Checks the numbers and copies the frequencies.
   *
   * @throws IllegalArgumentException if one is out of range, or two do not fit each other
   */
  public LorsaSpec {
    range("input width", inputWidth, 1, MOST);
    range("output width", outputWidth, 1, MOST);
    range("number of heads", heads, 1, MOST);
    range("number of groups", groups, 1, MOST);
    range("width of a query", headDim, 1, 1 << 16);
    range("attention window", window, 0, Integer.MAX_VALUE);
    range("k", k, 1, Integer.MAX_VALUE);
    if (heads % groups != 0) {
      throw new IllegalArgumentException(
          heads + " heads are not whole groups of " + groups + "; give a multiple");
    }
    if (k > heads) {
      throw new IllegalArgumentException("k (" + k + ") is more than the " + heads + " heads");
    }
    if ((long) groups * headDim > MOST) {
      throw new IllegalArgumentException(groups + " groups of queries of width " + headDim);
    }
    rotaryFrequencies = rotaryFrequencies.clone();
    if (2 * rotaryFrequencies.length > headDim) {
      throw new IllegalArgumentException(
          rotaryFrequencies.length + " rotary frequencies in queries of width " + headDim);
    }
    for (float frequency : rotaryFrequencies) {
      if (!Float.isFinite(frequency)) {
        throw new IllegalArgumentException("a rotary frequency is " + frequency);
      }
    }
    if (!(scale > 0 && scale < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("scale of the attention is " + scale);
    }
    if (!(cap >= 0 && cap < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("cap of the attention scores is " + cap);
    }
    if (window > 0 && !causal) {
      throw new IllegalArgumentException("a window on attention that is not causal");
    }
  }

  /** Heads that share one set of queries and keys. */
  public int headsPerGroup() {
    return heads / groups;
  }

  private static void range(String name, int value, int least, int most) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(name + " is " + value);
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof LorsaSpec that
        && inputWidth == that.inputWidth
        && outputWidth == that.outputWidth
        && heads == that.heads
        && groups == that.groups
        && headDim == that.headDim
        && Arrays.equals(rotaryFrequencies, that.rotaryFrequencies)
        && scale == that.scale
        && cap == that.cap
        && window == that.window
        && causal == that.causal
        && k == that.k
        && scoreByOutputNorm == that.scoreByOutputNorm;
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(new int[] {inputWidth, outputWidth, heads, groups, headDim, k});
  }
}
