package io.sluice.model.causal;

import io.sluice.memory.DType;
import io.sluice.model.ComputeType;
import io.sluice.model.Decoding;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.LanguageModel;
import io.sluice.model.LayerAttention;
import io.sluice.model.ModelShape;
import io.sluice.model.OnePass;
import io.sluice.model.Predictions;
import io.sluice.model.TokenBatch;
import io.sluice.model.TokenLoss;
import io.sluice.model.cpu.KeyValueCache;
import io.sluice.model.parts.ModelTensors;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * A causal language model of any architecture: whole passes, losses, and decoding token by token.
 */
public final class CausalModel implements LanguageModel {
  private final OnePass onePass = new OnePass();
  private final CausalStack stack;

  /**
   * Loads the weights.
   *
   * @param compute what to compute in
   * @throws IOException if a tensor is missing or has another shape than the configuration says
   */
  public CausalModel(
      CausalConfig config, ModelTensors parameters, Device device, ComputeType compute)
      throws IOException {
    this.stack = new CausalStack(config, parameters, device, compute);
  }

  @Override
  public ModelShape shape() {
    return stack.shape();
  }

  @Override
  public int keyValueHeads() {
    return stack.keyValueHeads();
  }

  @Override
  public Device device() {
    return stack.device();
  }

  @Override
  public DType dtype() {
    return stack.dtype();
  }

  @Override
  public Tensor forward(TokenBatch batch, Hooks hooks) {
    try (OnePass pass = onePass.begin();
        TensorScope carried = TensorScope.detached()) {
      // A norm makes a new tensor, here outside the layers' scopes: it belongs to the caller.
      return stack.normalised(run(batch, hooks, shape().layers(), carried));
    }
  }

  @Override
  public void observe(TokenBatch batch, Hooks hooks) {
    try (OnePass pass = onePass.begin();
        TensorScope carried = TensorScope.detached()) {
      run(batch, hooks.withoutResult(), hooks.lastLayer() + 1, carried);
    }
  }

  /**
   * Runs the first {@code depth} layers; what they leave belongs to {@code carried}.
   *
   * @return null if the hooks end the pass
   */
  private Tensor run(TokenBatch batch, Hooks hooks, int depth, TensorScope carried) {
    batch.check(shape());
    stack.check(hooks);
    CausalPass pass = stack.begin(batch, null, carried);
    return stack.through(0, depth, stack.embedded(batch, pass, carried), pass, hooks, carried);
  }

  @Override
  public Tensor logits(Tensor hidden) {
    return stack.logits(hidden);
  }

  @Override
  public Tensor directLogits(HookPoint point, Tensor directions) {
    return stack.directLogits(point, directions);
  }

  @Override
  public boolean addsAsIs(HookPoint point) {
    return stack.addsAsIs(point);
  }

  @Override
  public String absence(HookPoint point) {
    return stack.absence(point);
  }

  @Override
  public List<TokenLoss> losses(TokenBatch batch, List<Hooks> variants, IntConsumer progress) {
    TokenLoss[] losses = new TokenLoss[variants.size()];
    runVariants(
        batch,
        variants,
        progress,
        (variant, stream) -> losses[variant] = stack.loss(batch, stream));
    return List.of(losses);
  }

  @Override
  public Predictions predictions(TokenBatch batch, List<Hooks> variants, IntConsumer progress) {
    if (variants.isEmpty()) {
      throw new IllegalArgumentException("there is no variant to predict");
    }
    try (ComparedVariants compared = new ComparedVariants(stack, batch, variants.size())) {
      runVariants(batch, variants, progress, compared::add);
      return compared.compare();
    }
  }

  /** Takes the residual stream after the last layer of a variant, and frees it. */
  private interface VariantEnd {
    void take(int variant, Tensor stream);
  }

  /**
   * Runs the layers of variants: those before a variant's first hook once for all, the others for
   * each.
   */
  private void runVariants(
      TokenBatch batch, List<Hooks> variants, IntConsumer progress, VariantEnd end) {
    batch.check(shape());
    stack.requireHead();
    variants.forEach(stack::check);
    int done = 0;
    try (OnePass one = onePass.begin();
        TensorScope carried = TensorScope.detached()) {
      CausalPass pass = stack.begin(batch, null, carried);
      int last = shape().layers();
      Tensor trunk = stack.embedded(batch, pass, carried);
      for (int layer = 0; layer <= last; layer++) {
        boolean wanted = layer == last;
        for (int i = 0; i < variants.size(); i++) {
          int first = Math.min(last, variants.get(i).firstLayer());
          wanted |= first > layer;
          if (first == layer) {
            try (TensorScope scope = TensorScope.open()) {
              // An alias, which the branch may close when its first layer is done.
              Tensor branch = trunk.to(device()).moveTo(carried);
              end.take(i, stack.through(layer, last, branch, pass, variants.get(i), carried));
            }
            progress.accept(++done);
          }
        }
        if (!wanted) {
          break;
        }
        if (layer < last) {
          trunk = stack.through(layer, layer + 1, trunk, pass, Hooks.none(), carried);
        }
      }
    }
  }

  @Override
  public Decoding decode() {
    return new Cached();
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
      batch.check(shape());
      if (cache.length() > shape().maxContext() - ids.length) {
        throw new IllegalArgumentException(
            "a text of %d tokens and %d more; the model takes at most %d"
                .formatted(cache.length(), ids.length, shape().maxContext()));
      }
      Tensor logits;
      try (OnePass one = onePass.begin();
          TensorScope carried = TensorScope.detached()) {
        CausalPass pass = stack.begin(batch, cache, carried);
        Tensor stream =
            stack.through(
                0,
                shape().layers(),
                stack.embedded(batch, pass, carried),
                pass,
                Hooks.none(),
                carried);
        Tensor last = stream.narrow(1, ids.length - 1, 1);
        logits = logits(stack.normalised(last)).reshape(shape().vocabulary());
      }
      cache.advance(ids.length);
      return logits;
    }

    @Override
    public void close() {
      cache.close();
    }
  }

  @Override
  public Tensor outputProjection(int layer) {
    return stack.outputProjection(layer);
  }

  @Override
  public LayerAttention attention(int layer) {
    return stack.attention(layer);
  }

  @Override
  public void close() {
    stack.close();
  }
}
