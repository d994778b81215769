package io.sluice.features.effects;

import io.sluice.memory.DType;
import io.sluice.model.HookKind;
import io.sluice.model.HookPoint;
import io.sluice.model.LayerAttention;
import io.sluice.model.Transformer;
import io.sluice.torch.Tensor;

/**
 * Splits what an encoder row reads of a layer's attention by head and source position. Attention is
 * {@code attn_out_t = b_O + Σ_h Σ_s A_h(t, s) · W_O^h·v_g(s)}, so a row {@code w} reads
 *
 * <pre>⟨w, attn_out_t⟩ = ⟨w, b_O⟩ + Σ_h Σ_s A_h(t, s) · ⟨W_O^hᵀ·w, v_g(s)⟩</pre>
 *
 * where {@code g} is the key and value head of head {@code h}, and {@code v_g(s)} includes the bias
 * of the values. A row that reads {@code z} is {@code W_O^hᵀ·w} itself, and there is no {@code
 * b_O}. The split is exact: weights of attention are taken as they are.
 *
 * <p>Tensors of results belong to the innermost scope; those of this object to the scope in which
 * it was made.
 */
public final class AttentionSources {
  private final HookKind kind;
  private final LayerAttention attention;
  private final AttentionWeights weights;

  private AttentionSources(HookKind kind, LayerAttention attention) {
    this.kind = kind;
    this.attention = attention;
    this.weights = new AttentionWeights(attention);
  }

  /**
   * The sources of what is read at {@code point}.
   *
   * @throws IllegalArgumentException if the point is not {@code attn_out} or {@code z}, or the
   *     model has no such layer
   */
  public static AttentionSources of(Transformer model, HookPoint point) {
    if (!isOfAttention(point)) {
      throw new IllegalArgumentException(
          point + " is not written by attention's heads; attn_out and z are");
    }
    if (point.layer() >= model.shape().layers()) {
      throw new IllegalArgumentException(
          "%s is not in a model with %d layers, counted from 0"
              .formatted(point, model.shape().layers()));
    }
    return new AttentionSources(point.kind(), model.attention(point.layer()));
  }

  /**
   * Whether heads and source positions of a hook point are known: of {@code attn_out} and {@code
   * z}.
   */
  public static boolean isOfAttention(HookPoint point) {
    return point.kind() == HookKind.ATTN_OUT || point.kind() == HookKind.Z;
  }

  /** Heads of the layer. */
  public int heads() {
    return attention.heads();
  }

  /**
   * Encoder rows as the heads see them.
   *
   * @param heads {@code W_O^hᵀ·w}, {@code [n, heads · headDim]}
   * @param bias {@code ⟨w, b_O⟩}, {@code [n]}
   */
  public record Directions(Tensor heads, Tensor bias) {}

  /**
   * Encoder rows as the heads see them.
   *
   * @param rows float32 {@code [n, width]}, on the model's device
   */
  public Directions directions(Tensor rows) {
    if (kind == HookKind.Z) {
      return new Directions(rows, Tensor.zeros(DType.F32, rows.device(), rows.size(0)));
    }
    LayerAttention.Projection output = attention.output();
    return new Directions(
        rows.mm(output.weight()), rows.mm(output.bias().reshape(-1, 1)).reshape(-1));
  }

  /**
   * One context.
   *
   * @param input {@code attn_in} of the layer, {@code [length, dModel]}, on the model's device
   */
  public Context context(Tensor input) {
    Tensor x = input.to(DType.F32);
    Tensor values =
        x.linear(attention.value().weight(), attention.value().bias())
            .reshape(x.size(0), attention.keyValueHeads(), attention.headDim())
            .transpose(0, 1);
    return new Context(weights.of(x), values);
  }

  /** The attention of one context. */
  public final class Context {
    private final Tensor pattern;
    private final Tensor values;

    private Context(Tensor pattern, Tensor values) {
      this.pattern = pattern;
      this.values = values;
    }

    /**
     * What each head takes from each position for some rows, each at one position of the context.
     *
     * @param directions {@code [n, heads · headDim]}, of {@link #directions}
     * @param positions of each of them, in the context
     * @return {@code [n, heads, length]}; 0 where a head does not attend. With {@link
     *     Directions#bias}, a row's sum is what it reads
     */
    public Tensor contributions(Tensor directions, int[] positions) {
      long n = positions.length;
      long length = values.size(1);
      long groups = attention.keyValueHeads();
      long perGroup = attention.heads() / groups;
      Tensor where = Tensor.ofInts(positions, n).to(values.device());
      // [groups, perGroup, n, headDim] against [groups, 1, headDim, length]
      Tensor read =
          directions
              .reshape(n, groups, perGroup, attention.headDim())
              .permute(1, 2, 0, 3)
              .matmul(values.unsqueeze(1).transpose(2, 3))
              .reshape(attention.heads(), n, length);
      return read.mul(pattern.indexSelect(1, where)).transpose(0, 1).contiguous();
    }
  }
}
