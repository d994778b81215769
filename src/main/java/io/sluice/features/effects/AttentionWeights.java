package io.sluice.features.effects;

import io.sluice.memory.DType;
import io.sluice.model.LayerAttention;
import io.sluice.torch.Tensor;
import java.util.Arrays;

/** The weights with which the heads of a layer attend, from the input of its attention. */
final class AttentionWeights {
  private final LayerAttention attention;

  AttentionWeights(LayerAttention attention) {
    this.attention = attention;
  }

  /**
   * The weights of one context.
   *
   * @param input {@code attn_in}, float32 {@code [length, dModel]}, on the model's device
   * @return {@code [heads, length, length]}: of each query, how much it takes from each position
   */
  Tensor of(Tensor input) {
    int length = Math.toIntExact(input.size(0));
    long groups = attention.keyValueHeads();
    long perGroup = attention.heads() / groups;
    Tensor query = heads(attention.query(), attention.heads(), attention.queryNorm(), input);
    Tensor key = heads(attention.key(), attention.keyValueHeads(), attention.keyNorm(), input);
    // [groups, perGroup, length, headDim] against [groups, 1, headDim, length]
    Tensor scores =
        query
            .reshape(groups, perGroup, length, attention.headDim())
            .matmul(key.unsqueeze(1).transpose(2, 3));
    double cap = attention.cap();
    Tensor limited =
        cap > 0
            ? scores.mul(attention.scale() / cap).tanh().mul(cap)
            : scores.mul(attention.scale());
    Tensor mask = Tensor.ofFloats(mask(length), length, length).to(input.device());
    return limited.add(mask).softmax(3).reshape(attention.heads(), length, length);
  }

  /**
   * Queries or keys, normalised and rotated.
   *
   * @return {@code [count, length, headDim]}
   */
  private Tensor heads(
      LayerAttention.Projection map, int count, LayerAttention.HeadNorm norm, Tensor input) {
    int headDim = attention.headDim();
    float[] values = input.linear(map.weight(), map.bias()).to(DType.F32).toFloats();
    for (int at = 0; norm != null && at < values.length; at += norm.weight().length) {
      normalise(values, at, norm);
    }
    for (int at = 0; at < values.length; at += headDim) {
      rotate(values, at, at / (count * headDim));
    }
    return Tensor.ofFloats(values, input.size(0), count, headDim)
        .to(input.device())
        .transpose(0, 1);
  }

  private static void normalise(float[] values, int at, LayerAttention.HeadNorm norm) {
    float[] weight = norm.weight();
    double squares = 0;
    for (int i = 0; i < weight.length; i++) {
      squares += (double) values[at + i] * values[at + i];
    }
    double factor = 1 / Math.sqrt(squares / weight.length + norm.epsilon());
    for (int i = 0; i < weight.length; i++) {
      values[at + i] = (float) (values[at + i] * factor * weight[i]);
    }
  }

  private void rotate(float[] values, int at, int position) {
    float[] frequencies = attention.rotaryFrequencies();
    int half = frequencies.length;
    for (int i = 0; i < half; i++) {
      // The angle is rounded to float32, as in the implementations that models are trained with.
      float angle = frequencies[i] * position;
      double cos = Math.cos(angle) * attention.rotaryScale();
      double sin = Math.sin(angle) * attention.rotaryScale();
      float a = values[at + i];
      float b = values[at + half + i];
      values[at + i] = (float) (a * cos - b * sin);
      values[at + half + i] = (float) (b * cos + a * sin);
    }
  }

  /** 0 where a query attends to a position, else −∞; {@code [length, length]}. */
  private float[] mask(int length) {
    float[] mask = new float[Math.multiplyExact(length, length)];
    int reach = attention.window() == 0 ? length : Math.min(length, attention.window());
    for (int query = 0; query < length; query++) {
      int first = Math.max(0, query - reach + 1);
      int end = attention.causal() ? query + 1 : Math.min(length, query + reach);
      int row = query * length;
      Arrays.fill(mask, row, row + first, Float.NEGATIVE_INFINITY);
      Arrays.fill(mask, row + end, row + length, Float.NEGATIVE_INFINITY);
    }
    return mask;
  }
}
