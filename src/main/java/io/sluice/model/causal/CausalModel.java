package io.sluice.model.causal;

import io.sluice.memory.DType;
import io.sluice.model.ComputeType;
import io.sluice.model.Decoding;
import io.sluice.model.Hooks;
import io.sluice.model.LanguageModel;
import io.sluice.model.LayerAttention;
import io.sluice.model.ModelShape;
import io.sluice.model.OnePass;
import io.sluice.model.TokenBatch;
import io.sluice.model.TokenLoss;
import io.sluice.model.cpu.CpuLayers;
import io.sluice.model.cpu.KeyValueCache;
import io.sluice.model.cpu.LayerBackend;
import io.sluice.model.cpu.PackedWeights;
import io.sluice.model.parts.ModelTensors;
import io.sluice.model.parts.WeightLoader;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.util.List;
import java.util.function.IntConsumer;

/** Runs a causal language model of any architecture, layer by layer. */
public final class CausalModel implements LanguageModel {
  /** Logits that are held at a time when a loss is taken: 64 MiB of float32. */
  private static final long LOGITS_AT_A_TIME = 16 << 20;

  private final CausalConfig config;
  private final ModelShape shape;
  private final Device device;
  private final DType dtype;
  private final TensorScope weights;
  private final OnePass onePass = new OnePass();
  private final RotaryTable rotary;
  private final CausalParts parts;

  /** The layers for the CPU; null where LibTorch runs them. */
  private final CpuLayers onCpu;

  /**
   * Loads the weights.
   *
   * @param compute what to compute in
   * @throws IOException if a tensor is missing or has another shape than the configuration says
   */
  public CausalModel(
      CausalConfig config, ModelTensors parameters, Device device, ComputeType compute)
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
      this.rotary =
          attention.rotary() == null
              ? null
              : new RotaryTable(attention.rotary(), attention.headDim(), dtype, device, weights);
      TensorNames names = config.architecture().names();
      ModelTensors named =
          parameters.withPrefix(names.prefix(), TensorNames.weight(names.finalNorm()));
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

  @Override
  public ModelShape shape() {
    return shape;
  }

  @Override
  public Device device() {
    return device;
  }

  @Override
  public DType dtype() {
    return dtype;
  }

  @Override
  public Tensor forward(TokenBatch batch, Hooks hooks) {
    try (OnePass pass = onePass.begin();
        TensorScope carried = TensorScope.detached()) {
      // A norm makes a new tensor, here outside the layers' scopes: it belongs to the caller.
      return parts.finalNorm().apply(run(batch, hooks, shape.layers(), carried));
    }
  }

  @Override
  public void observe(TokenBatch batch, Hooks hooks) {
    try (OnePass pass = onePass.begin();
        TensorScope carried = TensorScope.detached()) {
      run(batch, hooks.withoutResult(), hooks.lastLayer() + 1, carried);
    }
  }

  @Override
  public Tensor logits(Tensor hidden) {
    requireHead();
    double cap = config.logitCap();
    Tensor logits = hidden.linear(parts.head(), null);
    return cap > 0 ? logits.mul(1 / cap).tanh().mul(cap) : logits;
  }

  /** Whether the layers' tensors are closed, and what they held is packed. */
  private boolean isPacked() {
    return onCpu != null && onCpu.isPacked();
  }

  private void requireHead() {
    if (parts.head() == null) {
      throw new IllegalStateException(
          "this checkpoint was saved without the model's head, so it has no logits");
    }
  }

  @Override
  public Decoding decode() {
    return new Cached();
  }

  @Override
  public List<TokenLoss> losses(TokenBatch batch, List<Hooks> variants, IntConsumer progress) {
    batch.check(shape);
    requireHead();
    variants.forEach(hooks -> hooks.check(shape));
    TokenLoss[] losses = new TokenLoss[variants.size()];
    int done = 0;
    try (OnePass one = onePass.begin();
        TensorScope carried = TensorScope.detached()) {
      CausalPass pass = begin(batch, null, carried);
      int last = shape.layers();
      Tensor trunk = embedded(batch, pass, carried);
      for (int layer = 0; layer <= last; layer++) {
        boolean wanted = layer == last;
        for (int i = 0; i < losses.length; i++) {
          int first = Math.min(last, variants.get(i).firstLayer());
          wanted |= first > layer;
          if (first == layer) {
            try (TensorScope scope = TensorScope.open()) {
              // An alias, which the branch may close when its first layer is done.
              Tensor branch = trunk.to(device).moveTo(carried);
              losses[i] = loss(batch, through(layer, last, branch, pass, variants.get(i), carried));
            }
            progress.accept(++done);
          }
        }
        if (!wanted) {
          break;
        }
        if (layer < last) {
          trunk = through(layer, layer + 1, trunk, pass, Hooks.none(), carried);
        }
      }
      return List.of(losses);
    }
  }

  /**
   * The loss of predicting from the residual stream after the last layer, which is freed.
   *
   * @param stream {@code [size, length, dModel]}
   */
  private TokenLoss loss(TokenBatch batch, Tensor stream) {
    NextTokens next = NextTokens.of(batch);
    if (next.count() == 0) {
      return TokenLoss.NONE;
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor places = Tensor.ofLongs(next.rows(), next.count()).to(device);
      Tensor rows =
          parts
              .finalNorm()
              .apply(
                  stream
                      .reshape((long) batch.size() * batch.length(), shape.dModel())
                      .indexSelect(0, places));
      stream.close();
      if (isPacked()) {
        return onCpu.loss(rows, parts.head(), (float) config.logitCap(), next.ids());
      }
      Tensor targets = Tensor.ofLongs(next.ids(), next.count(), 1).to(device);
      long step = Math.max(1, LOGITS_AT_A_TIME / shape.vocabulary());
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
   * Runs the first {@code depth} layers; what they leave belongs to {@code carried}.
   *
   * @return null if the hooks end the pass
   */
  private Tensor run(TokenBatch batch, Hooks hooks, int depth, TensorScope carried) {
    batch.check(shape);
    hooks.check(shape);
    CausalPass pass = begin(batch, null, carried);
    return through(0, depth, embedded(batch, pass, carried), pass, hooks, carried);
  }

  private CausalPass begin(TokenBatch batch, KeyValueCache cache, TensorScope carried) {
    CausalPass pass = new CausalPass(batch.size(), batch.length(), cache, dtype, device, carried);
    if (rotary != null) {
      rotary.reach(pass.before() + batch.length());
    }
    return pass;
  }

  private Tensor embedded(TokenBatch batch, CausalPass pass, TensorScope carried) {
    try (TensorScope scope = TensorScope.open()) {
      return embed(batch, pass.before()).moveTo(carried);
    }
  }

  /** A text in pieces. */
  private final class Cached implements Decoding {
    private final KeyValueCache cache = new KeyValueCache();

    @Override
    public int length() {
      return cache.length();
    }

    @Override
    public Tensor read(int... ids) {
      TokenBatch batch = TokenBatch.of(List.of(ids));
      batch.check(shape);
      if (cache.length() > shape.maxContext() - ids.length) {
        throw new IllegalArgumentException(
            "a text of %d tokens and %d more; the model takes at most %d"
                .formatted(cache.length(), ids.length, shape.maxContext()));
      }
      Tensor logits;
      try (OnePass one = onePass.begin();
          TensorScope carried = TensorScope.detached()) {
        CausalPass pass = begin(batch, cache, carried);
        Tensor stream =
            through(0, shape.layers(), embedded(batch, pass, carried), pass, Hooks.none(), carried);
        Tensor last = stream.narrow(1, ids.length - 1, 1);
        logits = logits(parts.finalNorm().apply(last)).reshape(shape.vocabulary());
      }
      cache.advance(ids.length);
      return logits;
    }

    @Override
    public void close() {
      cache.close();
    }
  }

  /**
   * Runs layers {@code from} to {@code to} (exclusive) on a residual stream, which is freed.
   *
   * @return null if the hooks end the pass
   */
  private Tensor through(
      int from, int to, Tensor stream, CausalPass pass, Hooks hooks, TensorScope carried) {
    if (onCpu != null) {
      try (TensorScope scope = TensorScope.open()) {
        Tensor next = onCpu.run(from, to, stream, pass.onCpu(rotary, hooks));
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

  @Override
  public Tensor outputProjection(int layer) {
    if (isPacked()) {
      return onCpu.weights().outputProjection(layer);
    }
    List<CausalLayer> layers = parts.layers();
    return layers.get(layer).attention().output().weight();
  }

  @Override
  public LayerAttention attention(int layer) {
    CausalAttention own = parts.layers().get(layer).attention();
    if (isPacked()) {
      PackedWeights packed = onCpu.weights();
      return own.describe(
          packed.queries(layer), packed.keys(layer), packed.values(layer), packed.output(layer));
    }
    return own.describe(shape.dModel(), dtype, device);
  }

  @Override
  public void close() {
    if (onCpu != null) {
      onCpu.close();
    }
    weights.close();
  }
}
