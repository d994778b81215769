package io.sluice.model.bert;

import io.sluice.memory.DType;
import io.sluice.model.ComputeType;
import io.sluice.model.Hooks;
import io.sluice.model.LayerAttention;
import io.sluice.model.ModelShape;
import io.sluice.model.OnePass;
import io.sluice.model.TokenBatch;
import io.sluice.model.Transformer;
import io.sluice.model.cpu.CpuLayers;
import io.sluice.model.cpu.CpuPass;
import io.sluice.model.cpu.LayerBackend;
import io.sluice.model.cpu.PackedWeights;
import io.sluice.model.parts.ModelTensors;
import io.sluice.model.parts.WeightLoader;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.weights.TensorSource;
import java.io.IOException;

/** An encoder, in which each token attends to those before and after it. */
public final class Encoder implements Transformer {
  private final ModelShape shape;
  private final Device device;
  private final TensorScope weights;
  private final OnePass onePass = new OnePass();
  private final EncoderParts parts;

  /** The layers for the CPU; null where LibTorch runs them. */
  private final CpuLayers onCpu;

  /** Loads the parts; what it makes belongs to {@code owner}. */
  @FunctionalInterface
  private interface PartsLoader {
    EncoderParts load(WeightLoader loader, TensorScope owner) throws IOException;
  }

  private Encoder(
      ModelShape shape,
      TensorSource source,
      Device device,
      ComputeType compute,
      PartsLoader partsLoader)
      throws IOException {
    this.shape = shape;
    this.device = device;
    this.weights = TensorScope.detached();
    try {
      LayerBackend backend = LayerBackend.choose(device, compute, shape.dModel(), shape.headDim());
      WeightLoader loader = new WeightLoader(ModelTensors.of(source), DType.F32, device, weights);
      this.parts = partsLoader.load(loader, weights);
      this.onCpu =
          backend == LayerBackend.LIBTORCH
              ? null
              : new CpuLayers(backend, parts.layers(), EncoderLayer::onCpu);
    } catch (IOException | RuntimeException | Error e) {
      weights.close();
      throw e;
    }
  }

  /**
   * Loads BERT or RoBERTa.
   *
   * @param source the file that {@code parameters} reads
   * @param compute what to compute in: a type with activations in float32
   * @throws IOException if a tensor is missing or has another shape than the configuration says
   */
  public static Encoder bert(
      BertWeights parameters, TensorSource source, Device device, ComputeType compute)
      throws IOException {
    return new Encoder(
        parameters.config().shape(),
        source,
        device,
        compute,
        (loader, owner) -> BertParts.load(parameters, loader, device));
  }

  /**
   * Loads ModernBERT.
   *
   * @param source the weights
   * @param compute what to compute in: a type with activations in float32
   * @throws IOException if a tensor is missing or has another shape than the configuration says
   */
  public static Encoder modernBert(
      ModernBertCheckpoint checkpoint, TensorSource source, Device device, ComputeType compute)
      throws IOException {
    return new Encoder(
        checkpoint.config().shape(),
        source,
        device,
        compute,
        (loader, owner) -> ModernBertParts.load(checkpoint.config(), loader, device, owner));
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
    return DType.F32;
  }

  @Override
  public Tensor forward(TokenBatch batch, Hooks hooks) {
    try (OnePass pass = onePass.begin();
        TensorScope carried = TensorScope.detached()) {
      // A tensor made here, outside the layers' scopes, belongs to the caller.
      return parts.finished(run(batch, hooks, shape.layers(), carried));
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
    batch.check(shape);
    hooks.check(shape);
    Tensor hidden;
    try (TensorScope scope = TensorScope.open()) {
      hidden = parts.embed(batch).moveTo(carried);
    }
    if (onCpu != null) {
      try (TensorScope scope = TensorScope.open()) {
        CpuPass pass = CpuPass.bidirectional(batch, parts.angles(batch.length()), hooks);
        Tensor result = onCpu.run(0, depth, hidden, pass);
        return result == null ? null : result.moveTo(carried);
      }
    }
    EncoderPass pass = new EncoderPass(batch, device, carried);
    for (EncoderLayer layer : parts.layers().subList(0, depth)) {
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

  @Override
  public Tensor outputProjection(int layer) {
    return isPacked()
        ? onCpu.weights().outputProjection(layer)
        : parts.layers().get(layer).outputProjection();
  }

  @Override
  public LayerAttention attention(int layer) {
    EncoderLayer own = parts.layers().get(layer);
    if (isPacked()) {
      PackedWeights packed = onCpu.weights();
      return own.describe(
          packed.queries(layer), packed.keys(layer), packed.values(layer), packed.output(layer));
    }
    return own.describe(device);
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
