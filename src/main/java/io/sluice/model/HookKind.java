package io.sluice.model;

import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * The kinds of hook points: the tensors of a transformer layer that can be observed and replaced.
 * They mean the same in every architecture; all are {@code [batch, length, width]}, where padded
 * positions hold values without meaning.
 */
public enum HookKind {
  /**
   * The input of the attention block: the residual stream after the norm that comes before queries,
   * keys and values. In an architecture that normalises after adding (BERT), it is the residual
   * stream itself; replacing it does not change the stream that results are added to. Width {@code
   * dModel}.
   */
  ATTN_IN("attn_in"),

  /**
   * The input of the output projection {@code W_O}: the attention-weighted values of all heads side
   * by side, head 0 first. Width {@code heads · headDim}.
   */
  Z("z"),

  /**
   * The output of the attention block, which is added to the residual stream: {@code z·W_O} plus
   * its bias, before the residual is added and before any normalisation that follows (Gemma 2
   * normalises it before it is added). Width {@code dModel}.
   */
  ATTN_OUT("attn_out"),

  /**
   * The output of the MLP, which is added to the residual stream: its last projection plus the
   * bias, before the residual is added and before any normalisation that follows. Width {@code
   * dModel}.
   */
  MLP_OUT("mlp_out"),

  /**
   * The residual stream after the layer, which is the next layer's input. In an architecture that
   * normalises after adding (BERT), it is taken after that normalisation. Width {@code dModel}.
   */
  RESID("resid");

  private final String label;

  HookKind(String label) {
    this.label = label;
  }

  /**
   * Whether it is something that the layer writes, as all are but {@link #ATTN_IN}. Patterns for
   * every kind mean these.
   */
  public boolean isWritten() {
    return this != ATTN_IN;
  }

  /** The name in hook points, for instance {@code attn_out}. */
  public String label() {
    return label;
  }

  /**
   * The kind whose {@link #label()} is {@code label}.
   *
   * @throws IllegalArgumentException if there is none; the message lists those there are
   */
  public static HookKind ofLabel(String label) {
    for (HookKind kind : values()) {
      if (kind.label.equals(label)) {
        return kind;
      }
    }
    throw new IllegalArgumentException(
        "unknown kind of hook point '"
            + label
            + "'; there are "
            + Arrays.stream(values()).map(HookKind::label).collect(Collectors.joining(", ")));
  }
}
