package io.sluice.model.causal;

import io.sluice.memory.DType;
import io.sluice.model.ComputeType;
import io.sluice.model.HookKind;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.LayerAttention;
import io.sluice.model.ModelShape;
import io.sluice.model.TokenBatch;
import io.sluice.model.TokenLoss;
import io.sluice.model.cpu.CpuLayers;
import io.sluice.model.cpu.KeyValueCache;
import io.sluice.model.cpu.LayerBackend;
import io.sluice.model.cpu.PackedWeights;
import io.sluice.model.parts.ModelTensors;
import io.sluice.model.parts.WeightLoader;
import io.sluice.simd.layers.RowLogLoss;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.util.List;

/**
 * A causal language model's parts on a device: embeds tokens, runs some of the layers on the
 * residual stream, and computes logits and losses from it.
 */
final class CausalStack implements AutoCloseable {
  /** Logits that are held at a time when a loss is taken: 64 MiB of float32. */
  private static final long LOGITS_AT_A_TIME = 16 << 20;

  private final CausalConfig config;
  private final ModelShape shape;
  private final Device device;
  private final DType dtype;
  private final TensorScope weights;
  private final RotaryTables rotary;
  private final CausalParts parts;

  /** The layers for the CPU; null where LibTorch runs them. */
  private final CpuLayers onCpu;

  /**
   * Loads the weights.
   *
   * @param compute what to compute in
   * @throws IOException if a tensor is missing or has another shape than the configuration says
   */
  CausalStack(CausalConfig config, ModelTensors parameters, Device device, ComputeType compute)
      throws IOException {
    this.config = config;
    this.shape = config.shape();
    this.device = device;
    this.dtype = compute.dtype();
    this.weights = TensorScope.detached();
    try {
      AttentionConfig attention = config.attention();
      LayerBackend backend =
          LayerBackend.choose(device, compute, shape.dModel(), attention.headDim());
      this.rotary = RotaryTables.of(attention, dtype, device, weights);
      ModuleNames names = config.architecture().names();
      ModelTensors named =
          config
              .architecture()
              .tensors(parameters)
              .withPrefix(names.prefix(), ModuleNames.weight(names.finalNorm()));
      this.parts =
          CausalParts.load(config, new WeightLoader(named, dtype, device, weights), rotary);
      parameters.requireAllTaken();
      this.onCpu =
          backend == LayerBackend.LIBTORCH
              ? null
              : new CpuLayers(backend, parts.layers(), CausalLayer::onCpu);
    } catch (IOException | RuntimeException | Error e) {
      weights.close();
      throw e;
    }
  }

  ModelShape shape() {
    return shape;
  }

  int keyValueHeads() {
    return parts.layers().getFirst().attention().config().keyValueHeads();
  }

  Device device() {
    return device;
  }

  DType dtype() {
    return dtype;
  }

  /** The residual stream after the norm before the head. */
  Tensor normalised(Tensor stream) {
    return parts.finalNorm().apply(stream);
  }

  /** Like {@link io.sluice.model.LanguageModel#logits}. */
  Tensor logits(Tensor hidden) {
    requireHead();
    double cap = config.logitCap();
    Tensor logits = hidden.linear(parts.head(), null);
    return cap > 0 ? logits.mul(1 / cap).tanh().mul(cap) : logits;
  }

  /** Like {@link io.sluice.model.LanguageModel#directLogits}. */
  Tensor directLogits(HookPoint point, Tensor directions) {
    requireHead();
    if (point.layer() >= shape.layers()) {
      throw new IllegalArgumentException(
          point + " is not in a model with " + shape.layers() + " layers, counted from 0");
    }
    return new DirectPath(parts.layers().get(point.layer()), parts.finalNorm(), parts.head())
        .logits(point, directions, () -> outputProjection(point.layer()));
  }

  /** Like {@link io.sluice.model.LanguageModel#addsAsIs}. */
  boolean addsAsIs(HookPoint point) {
    CausalLayer layer = parts.layers().get(point.layer());
    return switch (point.kind()) {
      case ATTN_IN, MLP_IN -> false;
      case Z, ATTN_OUT -> layer.afterAttention() == null;
      case Q_PRE_ROPE, K_PRE_ROPE, Q, K, V -> false;
      case MLP_ACT, MLP_OUT -> layer.afterMlp() == null;
      case RESID_IN, RESID_MID, RESID -> true;
    };
  }

  /** Like {@link io.sluice.model.Transformer#absence}. */
  String absence(HookPoint point) {
    return point.kind() != HookKind.MLP_ACT || parts.layers().get(point.layer()).hasHiddenLayer()
        ? null
        : point
            + " does not exist: layer "
            + point.layer()
            + " has a mixture of experts, each with a hidden layer of its own";
  }

  /**
   * Checks that the model has the hook points.
   *
   * @throws IllegalArgumentException if one does not exist
   */
  void check(Hooks hooks) {
    hooks.check(shape);
    for (HookPoint point : hooks.points()) {
      String absence = absence(point);
      if (absence != null) {
        throw new IllegalArgumentException(absence);
      }
    }
  }

  /**
   * Checks that there is a head.
   *
   * @throws IllegalStateException if the checkpoint was saved without it
   */
  void requireHead() {
    if (parts.head() == null) {
      throw new IllegalStateException(
          "this checkpoint was saved without the model's head, so it has no logits");
    }
  }

  /**
   * The loss of predicting from the residual stream after the last layer, which is freed.
   *
   * @param stream {@code [size, length, dModel]}
   */
  TokenLoss loss(TokenBatch batch, Tensor stream) {
    NextTokens next = NextTokens.of(batch);
    if (next.count() == 0) {
      return TokenLoss.NONE;
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor rows = rowsAt(stream, next.rows());
      if (isPacked()) {
        return onCpu.loss(rows, parts.head(), (float) config.logitCap(), next.ids());
      }
      Tensor targets = Tensor.ofLongs(next.ids(), next.count(), 1).to(device);
      long step = rowsAtATime();
      double sum = 0;
      for (long start = 0; start < next.count(); start += step) {
        long count = Math.min(step, next.count() - start);
        try (TensorScope chunk = TensorScope.open()) {
          Tensor logits = logits(rows.narrow(0, start, count)).to(DType.F32);
          Tensor taken = logits.logSoftmax(1).gather(1, targets.narrow(0, start, count));
          sum -= taken.to(DType.F64).sum().item();
        }
      }
      return new TokenLoss(sum, next.count());
    }
  }

  /**
   * Some rows of the residual stream after the last layer, which is freed, after the norm before
   * the head.
   *
   * @param stream {@code [size, length, dModel]}
   * @param rows their numbers among all {@code size · length}
   * @return {@code [rows, dModel]}, in the innermost scope
   */
  Tensor rowsAt(Tensor stream, long[] rows) {
    Tensor places = Tensor.ofLongs(rows, rows.length).to(device);
    Tensor chosen =
        normalised(
            stream.reshape(stream.size(0) * stream.size(1), shape.dModel()).indexSelect(0, places));
    stream.close();
    return chosen;
  }

  /** Whether the CPU's own kernels take the loss; else LibTorch does. */
  boolean hasOwnHead() {
    return isPacked();
  }

  /** Like {@link CpuLayers#compare}, if {@link #hasOwnHead}. */
  RowLogLoss.Compared compare(List<Tensor> rows, long[] ids) {
    return onCpu.compare(rows, parts.head(), (float) config.logitCap(), ids);
  }

  /** How many rows' logits are made at a time. */
  long rowsAtATime() {
    return Math.max(1, LOGITS_AT_A_TIME / shape.vocabulary());
  }

  /**
   * Begins a pass.
   *
   * @param cache the tokens before the batch's; null where there are none
   * @param carried the scope that lives as long as the pass
   */
  CausalPass begin(TokenBatch batch, KeyValueCache cache, TensorScope carried) {
    CausalPass pass = new CausalPass(batch.size(), batch.length(), cache, dtype, device, carried);
    rotary.reach(pass.before() + batch.length());
    return pass;
  }

  /** The residual stream before the first layer, of {@code carried}. */
  Tensor embedded(TokenBatch batch, CausalPass pass, TensorScope carried) {
    try (TensorScope scope = TensorScope.open()) {
      return embed(batch, pass.before()).moveTo(carried);
    }
  }

  /**
   * @param first the position of the batch's first tokens
   */
  private Tensor embed(TokenBatch batch, int first) {
    Tensor ids = Tensor.ofLongs(batch.paddedIds(), batch.size(), batch.length()).to(device);
    Tensor tokens = parts.tokens().embedding(ids);
    if (parts.embeddingScale() != 1) {
      tokens = tokens.mul(parts.embeddingScale());
    }
    return parts.positions() == null
        ? tokens
        : tokens.add(parts.positions().narrow(0, first, batch.length()));
  }

  /**
   * Runs layers {@code from} to {@code to} (exclusive) on a residual stream, which is freed.
   *
   * @return null if the hooks end the pass
   */
  Tensor through(
      int from, int to, Tensor stream, CausalPass pass, Hooks hooks, TensorScope carried) {
    if (onCpu != null) {
      try (TensorScope scope = TensorScope.open()) {
        Tensor next = onCpu.run(from, to, stream, pass.onCpu(parts.layers(), hooks));
        stream.close();
        return next == null ? null : next.moveTo(carried);
      }
    }
    Tensor hidden = stream;
    for (CausalLayer layer : parts.layers().subList(from, to)) {
      // One scope per layer: its intermediate results are freed before the next begins.
      try (TensorScope scope = TensorScope.open()) {
        Tensor next = layer.forward(hidden, pass, hooks);
        hidden.close();
        if (next == null) {
          return null;
        }
        hidden = next.moveTo(carried);
      }
    }
    return hidden;
  }

  /** Like {@link io.sluice.model.Transformer#outputProjection}. */
  Tensor outputProjection(int layer) {
    if (isPacked()) {
      return onCpu.weights().outputProjection(layer);
    }
    List<CausalLayer> layers = parts.layers();
    return layers.get(layer).attention().output().weight();
  }

  /** Like {@link io.sluice.model.Transformer#attention}. */
  LayerAttention attention(int layer) {
    CausalAttention own = parts.layers().get(layer).attention();
    if (isPacked()) {
      PackedWeights packed = onCpu.weights();
      return own.describe(
          packed.queries(layer), packed.keys(layer), packed.values(layer), packed.output(layer));
    }
    return own.describe(shape.dModel(), dtype, device);
  }

  /** Whether the layers' tensors are closed, and what they held is packed. */
  private boolean isPacked() {
    return onCpu != null && onCpu.isPacked();
  }

  @Override
  public void close() {
    if (onCpu != null) {
      onCpu.close();
    }
    weights.close();
  }
}
