package io.sluice.model.causal;

import io.sluice.model.rotary.Rotary;
import java.util.Collections;
import java.util.List;

/**
 * The attention blocks of a causal language model.
 *
 * @param heads query heads per layer
 * @param keyValueHeads key and value heads per layer; divides {@code heads}
 * @param headDim width of one head
 * @param rotary how queries and keys are rotated by position; null where positions are learned
 * @param windowedRotary the same of layers with a window; most models rotate all layers alike
 * @param windows per layer, how many tokens a query attends to, itself included; 0 for all before
 *     it
 * @param scale the factor on the scores, usually {@code 1/√headDim}
 * @param cap {@code c} in {@code c·tanh(scores / c)}; 0 for none
 * @param bias whether the projections have biases, in architectures that leave it open
 */
public record AttentionConfig(
    int heads,
    int keyValueHeads,
    int headDim,
    Rotary rotary,
    Rotary windowedRotary,
    List<Integer> windows,
    double scale,
    double cap,
    boolean bias) {
  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is out of range, or two do not fit each other
   */
  public AttentionConfig {
    windows = List.copyOf(windows);
    CausalConfig.requirePositive("number of attention heads", heads);
    CausalConfig.requirePositive("number of key-value heads", keyValueHeads);
    CausalConfig.requirePositive("width of a head", headDim);
    if (heads % keyValueHeads != 0) {
      throw new IllegalArgumentException(
          keyValueHeads + " key-value heads do not divide " + heads + " attention heads");
    }
    if ((long) heads * headDim > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(heads + " heads of width " + headDim);
    }
    requireInside(rotary, headDim);
    requireInside(windowedRotary, headDim);
    for (int window : windows) {
      if (window < 0) {
        throw new IllegalArgumentException("attention window is " + window);
      }
    }
    if (!(scale > 0 && scale < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("scale of the attention is " + scale);
    }
    if (!(cap >= 0 && cap < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("cap of the attention scores is " + cap);
    }
  }

  /**
   * Blocks that rotate queries and keys alike in all layers.
   *
   * @throws IllegalArgumentException if a number is out of range, or two do not fit each other
   */
  public AttentionConfig(
      int heads,
      int keyValueHeads,
      int headDim,
      Rotary rotary,
      List<Integer> windows,
      double scale,
      double cap,
      boolean bias) {
    this(heads, keyValueHeads, headDim, rotary, rotary, windows, scale, cap, bias);
  }

  /** The same with other rotary positions in layers with a window. */
  public AttentionConfig withWindowedRotary(Rotary other) {
    return new AttentionConfig(
        heads, keyValueHeads, headDim, rotary, other, windows, scale, cap, bias);
  }

  private static void requireInside(Rotary rotary, int headDim) {
    if (rotary != null && rotary.dims() > headDim) {
      throw new IllegalArgumentException(
          "rotary embedding of " + rotary.dims() + " dimensions in heads of " + headDim);
    }
  }

  /** Windows of a model whose layers all see everything before. */
  public static List<Integer> noWindows(int layers) {
    return sameWindows(layers, 0);
  }

  /** Windows of a model whose layers all see equally far; 0 for everything before. */
  public static List<Integer> sameWindows(int layers, int window) {
    CausalConfig.requireLayers(layers);
    return Collections.nCopies(layers, window);
  }
}
