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
import io.sluice.model.parts.Norm;
import io.sluice.model.parts.WeightLoader;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.weights.TensorSource;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * An encoder of BERT's family (BERT, RoBERTa): absolute positions, bidirectional attention,
 * normalisation after each residual add. Token types are all 0.
 */
public final class BertEncoder implements Transformer {
  private final BertConfig config;
  private final ModelShape shape;
  private final Device device;
  private final TensorScope weights;
  private final OnePass onePass = new OnePass();
  private final Tensor wordEmbeddings;
  private final Tensor positionEmbeddings;
  private final Tensor typeEmbeddings;
  private final Norm embeddingNorm;
  private final List<BertLayer> layers = new ArrayList<>();

  /** The layers for the CPU; null where LibTorch runs them. */
  private final CpuLayers onCpu;

  /**
   * Loads the weights.
   *
   * @param source the file that {@code parameters} reads
   * @param compute what to compute in: a type with activations in float32
   * @throws IOException if a tensor is missing or has another shape than the configuration says
   */
  public BertEncoder(
      BertWeights parameters, TensorSource source, Device device, ComputeType compute)
      throws IOException {
    this.config = parameters.config();
    this.shape = config.shape();
    this.device = device;
    this.weights = TensorScope.detached();
    try {
      WeightLoader loader = new WeightLoader(ModelTensors.of(source), DType.F32, device, weights);
      long d = config.dModel();
      LayerBackend backend =
          LayerBackend.choose(device, compute, (int) d, (int) (d / config.heads()));
      this.wordEmbeddings =
          parameters.parameter(loader, "embeddings.word_embeddings.weight", config.vocabulary(), d);
      this.positionEmbeddings =
          parameters.parameter(
              loader, "embeddings.position_embeddings.weight", config.positions(), d);
      this.typeEmbeddings =
          parameters.parameter(
              loader, "embeddings.token_type_embeddings.weight", config.types(), d);
      this.embeddingNorm = BertLayer.norm(parameters, loader, "embeddings.LayerNorm");
      for (int i = 0; i < config.layers(); i++) {
        layers.add(new BertLayer(i, parameters, loader));
      }
      this.onCpu =
          backend == LayerBackend.LIBTORCH
              ? null
              : new CpuLayers(backend, layers, BertLayer::onCpu);
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
    return DType.F32;
  }

  @Override
  public Tensor forward(TokenBatch batch, Hooks hooks) {
    try (OnePass pass = onePass.begin();
        TensorScope carried = TensorScope.detached()) {
      // An alias made here, outside the layers' scopes, belongs to the caller.
      return run(batch, hooks, layers.size(), carried).to(device);
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
    Tensor mask = null;
    Tensor hidden;
    try (TensorScope scope = TensorScope.open()) {
      hidden = embed(batch).moveTo(carried);
      if (batch.isPadded()) {
        mask =
            Tensor.ofFloats(batch.scoreMask(), batch.size(), 1, 1, batch.length())
                .to(device)
                .moveTo(carried);
      }
    }
    if (onCpu != null) {
      try (TensorScope scope = TensorScope.open()) {
        Tensor result = onCpu.run(0, depth, hidden, CpuPass.bidirectional(batch, hooks));
        return result == null ? null : result.moveTo(carried);
      }
    }
    for (BertLayer layer : layers.subList(0, depth)) {
      // One scope per layer: its intermediate results are freed before the next begins.
      try (TensorScope scope = TensorScope.open()) {
        Tensor next = layer.forward(hidden, mask, hooks);
        hidden.close();
        if (next == null) {
          return null;
        }
        hidden = next.moveTo(carried);
      }
    }
    return hidden;
  }

  private Tensor embed(TokenBatch batch) {
    Tensor ids = Tensor.ofLongs(batch.paddedIds(), batch.size(), batch.length()).to(device);
    Tensor places = positions(batch).add(typeEmbeddings.narrow(0, 0, 1));
    return embeddingNorm.apply(wordEmbeddings.embedding(ids).add(places));
  }

  private Tensor positions(TokenBatch batch) {
    if (config.padding() == BertConfig.FROM_ZERO) {
      return positionEmbeddings.narrow(0, 0, batch.length());
    }
    Tensor places = Tensor.ofLongs(config.places(batch), batch.size(), batch.length());
    return positionEmbeddings.embedding(places.to(device));
  }

  @Override
  public Tensor outputProjection(int layer) {
    return isPacked()
        ? onCpu.weights().outputProjection(layer)
        : layers.get(layer).outputProjection();
  }

  @Override
  public LayerAttention attention(int layer) {
    BertLayer own = layers.get(layer);
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
