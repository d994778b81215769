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
   * The residual stream before the layer: the embedding in layer 0, else what the layer before it
   * left, so that {@code resid_in} of layer 8 is {@code resid} of layer 7. Replaced, it is replaced
   * for all that the layer reads and adds to. Width {@code dModel}.
   */
  RESID_IN("resid_in"),

  /**
   * The input of the attention block: the residual stream after the norm that comes before queries,
   * keys and values. In an architecture without such a norm (BERT, OLMo 2), it is the residual
   * stream itself; replacing it does not change the stream that results are added to. Width {@code
   * dModel}.
   */
  ATTN_IN("attn_in"),

  /**
   * The queries of all heads side by side, head 0 first, as they are before they are rotated by
   * position: after the norm of queries, where the model has one. In a model without rotary
   * positions it is the same as {@link #Q}. Width {@code heads · headDim}.
   */
  Q_PRE_ROPE("q_pre_rope"),

  /**
   * The keys of all heads of keys side by side, before they are rotated by position, as {@link
   * #Q_PRE_ROPE}. Width {@code keyValueHeads · headDim}.
   */
  K_PRE_ROPE("k_pre_rope"),

  /**
   * The queries that attention compares with keys: of all heads side by side, after the rotation by
   * position. Width {@code heads · headDim}.
   */
  Q("q"),

  /**
   * The keys that attention compares with queries: of all heads of keys side by side, which several
   * query heads may share, after the rotation by position. Width {@code keyValueHeads · headDim}.
   */
  K("k"),

  /**
   * The values that attention sums: of all heads of values side by side. Width {@code keyValueHeads
   * · headDim}.
   */
  V("v"),

  /**
   * The input of the output projection {@code W_O}: the attention-weighted values of all heads side
   * by side, head 0 first. Width {@code heads · headDim}.
   */
  Z("z"),

  /**
   * The output of the attention block, which is added to the residual stream: {@code z·W_O} plus
   * its bias, before the residual is added and before any normalisation that follows (Gemma 2 and
   * OLMo 2 normalise it before it is added). Width {@code dModel}.
   */
  ATTN_OUT("attn_out"),

  /**
   * The residual stream between attention and MLP: the layer's input plus what attention adds. In
   * an architecture that normalises after adding (BERT), it is taken after that normalisation. In
   * one whose MLP reads what attention reads (GPT-NeoX), nothing reads it, and the MLP's output is
   * added to it. Width {@code dModel}.
   */
  RESID_MID("resid_mid"),

  /**
   * The input of the MLP: the residual stream after the norm that comes before the MLP. In an
   * architecture without such a norm (BERT, OLMo 2), it is the residual stream itself; replacing it
   * does not change the stream that results are added to. Width {@code dModel}.
   */
  MLP_IN("mlp_in"),

  /**
   * The MLP's hidden layer, which its last projection reads: after the activation function and, in
   * a gated MLP, after the product with the gate. A layer with a mixture of experts has none, since
   * each expert has a hidden layer of its own. Width {@code dMlp}.
   */
  MLP_ACT("mlp_act"),

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
   * Whether it is {@code z}, {@code attn_out}, {@code mlp_out} or {@code resid}: what a layer
   * writes. Patterns for every kind mean these; the others have to be named.
   */
  public boolean isWritten() {
    return switch (this) {
      case Z, ATTN_OUT, MLP_OUT, RESID -> true;
      case RESID_IN, ATTN_IN, Q_PRE_ROPE, K_PRE_ROPE, Q, K, V, RESID_MID, MLP_IN, MLP_ACT -> false;
    };
  }

  /** Whether it is the residual stream, which contains all that was added before. */
  public boolean isStream() {
    return this == RESID_IN || this == RESID_MID || this == RESID;
  }

  /** Whether it is queries, keys or values. */
  public boolean isOfHeads() {
    return switch (this) {
      case Q_PRE_ROPE, K_PRE_ROPE, Q, K, V -> true;
      default -> false;
    };
  }

  /** Whether it is what attention or the MLP reads, so that nothing adds it to the stream. */
  public boolean isRead() {
    return this == ATTN_IN || this == MLP_IN;
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
        "unknown kind of hook point '" + label + "'; there are " + labels());
  }

  /** Whether a kind has this label. */
  static boolean isLabel(String label) {
    return Arrays.stream(values()).anyMatch(kind -> kind.label.equals(label));
  }

  /** All labels, for messages. */
  static String labels() {
    return Arrays.stream(values()).map(HookKind::label).collect(Collectors.joining(", "));
  }
}
