package io.sluice.lorsa.training;

import io.sluice.lorsa.engine.LorsaSpec;
import io.sluice.lorsa.engine.LorsaTensor;
import io.sluice.lorsa.engine.LorsaWeights;
import io.sluice.model.LayerAttention;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;

/** The initial queries and keys of a Lorsa: those of the model's heads. */
final class Queries {
  private Queries() {}

  /**
   * A form whose groups are the model's heads, as they are rotated, scaled and seen there.
   *
   * @param outputWidth width of what it writes
   */
  static LorsaSpec spec(LayerAttention a, int inputWidth, int outputWidth, int heads) {
    return spec(a, inputWidth, outputWidth, heads, a.heads(), 1, false);
  }

  /** The same with more groups than the model has heads. */
  static LorsaSpec spec(
      LayerAttention a,
      int inputWidth,
      int outputWidth,
      int heads,
      int groups,
      int k,
      boolean scoreByOutputNorm) {
    if (a.normalised()) {
      throw new IllegalArgumentException(
          "this model normalises queries and keys, which Lorsa does not do yet; take a model that"
              + " does not (GPT-2, GPT-NeoX, Llama, Mistral, Qwen2, Gemma, Gemma 2, Phi-3,"
              + " StarCoder2, BERT)");
    }
    boolean rotatesAll = 2 * a.rotaryFrequencies().length == a.headDim();
    if (a.rotaryScale() != 1 && !rotatesAll) {
      throw new IllegalArgumentException(
          "this model scales the rotated part of each query and key by "
              + a.rotaryScale()
              + ", which Lorsa does not do yet; take a model without such a scaling of positions");
    }
    if (a.window() > 0 && !a.causal()) {
      throw new IllegalArgumentException(
          "this layer attends to near tokens on both sides only, which Lorsa does not do yet;"
              + " take a layer that attends to all");
    }
    if (groups % a.heads() != 0) {
      throw new IllegalArgumentException(
          "%d groups of queries and keys cannot start from the model's %d heads; give a multiple"
              .formatted(groups, a.heads()));
    }
    return new LorsaSpec(
        inputWidth,
        outputWidth,
        heads,
        groups,
        a.headDim(),
        a.rotaryFrequencies(),
        a.scale() * a.rotaryScale() * a.rotaryScale(),
        a.cap(),
        a.window(),
        a.causal(),
        k,
        scoreByOutputNorm);
  }

  /**
   * Sets queries and keys.
   *
   * @param inputScale what the Lorsa's input is multiplied by, and the model's is not
   */
  static void write(LayerAttention a, LorsaWeights weights, double inputScale) {
    int groups = weights.spec().groups();
    perHead(a.query().weight(), a, groups)
        .mul(1 / inputScale)
        .copyTo(weights.get(LorsaTensor.QUERY));
    perHead(a.query().bias(), a, groups).copyTo(weights.get(LorsaTensor.QUERY_BIAS));
    perHead(a.key().weight(), a, groups).mul(1 / inputScale).copyTo(weights.get(LorsaTensor.KEY));
    perHead(a.key().bias(), a, groups).copyTo(weights.get(LorsaTensor.KEY_BIAS));
  }

  /**
   * Rows of queries, keys or values repeated so that each of {@code groups} has those of the head
   * that it starts from: heads share keys and values in a model, here they do not.
   *
   * @param rows {@code [n · headDim, ...]}, where n divides {@code groups}
   * @return {@code [groups · headDim, ...]}, on the CPU
   */
  static Tensor perHead(Tensor rows, LayerAttention a, int groups) {
    int r = a.headDim();
    long n = rows.size(0) / r;
    long[] indices = new long[groups * r];
    for (int i = 0; i < indices.length; i++) {
      indices[i] = i / r * n / groups * r + i % r;
    }
    return rows.to(Device.CPU).indexSelect(0, Tensor.ofLongs(indices, indices.length));
  }
}
