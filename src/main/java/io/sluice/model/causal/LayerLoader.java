package io.sluice.model.causal;

import io.sluice.model.parts.Linear;
import io.sluice.model.parts.Norm;
import io.sluice.model.parts.WeightLoader;
import io.sluice.model.rotary.RotaryTable;
import java.io.IOException;

/**
 * Loads the parts of one layer. Names are those inside the layer, for instance {@code
 * self_attn.q_proj}; sizes are those of the configuration.
 *
 * @param index number of the layer, counted from 0
 * @param config the configuration
 * @param weights loads tensors by their whole names
 * @param rotary shared by all layers; null where positions are learned
 */
public record LayerLoader(
    int index, CausalConfig config, WeightLoader weights, RotaryTable rotary) {
  private String module(String name) {
    return config.architecture().names().layers() + index + "." + name;
  }

  /**
   * Refuses a file that has something where the configuration has nothing.
   *
   * @param name the module of a projection from {@code dModel} to no values
   */
  public void requireEmpty(String name) throws IOException {
    String weight = module(name) + ".weight";
    if (weights.contains(weight)) {
      weights.requireShape(weight, 0, config.dModel());
    }
  }

  /** A norm over the residual stream. */
  public Norm norm(String name) throws IOException {
    return config.architecture().norm(weights, module(name), config);
  }

  /** An RMS norm over each head's query or key. */
  public Norm headNorm(String name) throws IOException {
    return Norm.Rms.of(weights, module(name), config.attention().headDim(), config.normEpsilon());
  }

  /** The same, with a weight that the file counts from 1. */
  public Norm headNormPlusOne(String name) throws IOException {
    return new Norm.Rms(
        weights.loadPlusOne(module(name) + ".weight", config.attention().headDim()),
        config.normEpsilon());
  }

  /** An RMS norm over the queries of all heads. */
  public Norm queriesNorm(String name) throws IOException {
    return rmsNorm(name, config.attention().heads());
  }

  /** An RMS norm over the keys of all heads. */
  public Norm keysNorm(String name) throws IOException {
    return rmsNorm(name, config.attention().keyValueHeads());
  }

  private Norm rmsNorm(String name, int heads) throws IOException {
    return Norm.Rms.of(weights, module(name), width(heads), config.normEpsilon());
  }

  /** {@code W_Q}, {@code [heads · headDim, dModel]}. */
  public Linear queries(String name, boolean biased) throws IOException {
    return linear(name, width(config.attention().heads()), config.dModel(), biased);
  }

  /** {@code W_K} or {@code W_V}, {@code [keyValueHeads · headDim, dModel]}. */
  public Linear keysOrValues(String name, boolean biased) throws IOException {
    return linear(name, width(config.attention().keyValueHeads()), config.dModel(), biased);
  }

  /** {@code W_Q}, {@code W_K} and {@code W_V}, one below the other. */
  public Linear queriesKeysValues(String name, boolean biased) throws IOException {
    AttentionConfig attention = config.attention();
    long out = width(attention.heads()) + 2 * width(attention.keyValueHeads());
    return linear(name, out, config.dModel(), biased);
  }

  /** {@code W_O}, {@code [dModel, heads · headDim]}. */
  public Linear attentionOutput(String name, boolean biased) throws IOException {
    return linear(name, config.dModel(), width(config.attention().heads()), biased);
  }

  /** The first matrix of the MLP, or its gate, {@code [intermediate, dModel]}. */
  public Linear up(String name, boolean biased) throws IOException {
    return linear(name, config.intermediate(), config.dModel(), biased);
  }

  /**
   * One of the two matrices of a gated MLP that the file keeps one below the other, without biases.
   *
   * @param second whether it is the lower one
   */
  public Linear halfOf(String name, boolean second) throws IOException {
    long rows = config.intermediate();
    return new Linear(
        weights.loadRows(
            module(name) + ".weight", second ? rows : 0, rows, 2 * rows, config.dModel()),
        null);
  }

  /** The last matrix of the MLP, {@code [dModel, intermediate]}. */
  public Linear down(String name, boolean biased) throws IOException {
    return linear(name, config.dModel(), config.intermediate(), biased);
  }

  /** An affine map of any size. */
  public Linear linear(String name, long out, long in, boolean biased) throws IOException {
    return Linear.of(weights, module(name), out, in, biased);
  }

  /** An affine map whose weight the file keeps as {@code [in, out]}, with a bias. */
  public Linear transposed(String name, long out, long in) throws IOException {
    return new Linear(
        weights.loadTransposed(module(name) + ".weight", out, in),
        weights.load(module(name) + ".bias", out));
  }

  /** The layer's attention, with the configuration's positions and window. */
  public CausalAttention attention(Projections projections, Linear output) {
    AttentionConfig attention = config.attention();
    return new CausalAttention(
        projections, rotary, attention, attention.windows().get(index), output);
  }

  private long width(int heads) {
    return (long) heads * config.attention().headDim();
  }
}
