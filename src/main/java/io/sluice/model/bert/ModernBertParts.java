package io.sluice.model.bert;

import io.sluice.memory.DType;
import io.sluice.model.TokenBatch;
import io.sluice.model.parts.Norm;
import io.sluice.model.parts.WeightLoader;
import io.sluice.model.rotary.RotaryTable;
import io.sluice.simd.layers.RotaryAngles;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * The parts of ModernBERT: rotary positions with two bases, normalisation before attention and MLP,
 * a gated MLP, and a last norm.
 *
 * @param tokens {@code [vocabulary, dModel]}
 * @param norm of the embeddings
 * @param finalNorm after the last layer
 * @param full the angles of layers that see all
 * @param local the angles of layers with a window
 */
record ModernBertParts(
    ModernBertConfig config,
    Device device,
    Tensor tokens,
    Norm norm,
    List<ModernBertLayer> layers,
    Norm finalNorm,
    RotaryTable full,
    RotaryTable local)
    implements EncoderParts {
  private static final String TOKENS = "embeddings.tok_embeddings.weight";

  /**
   * Loads the weights.
   *
   * @param owner the scope that the tables of angles will belong to
   * @throws IOException if a tensor is missing or has another shape than the configuration says
   */
  static ModernBertParts load(
      ModernBertConfig config, WeightLoader loader, Device device, TensorScope owner)
      throws IOException {
    // A checkpoint is that of a model with a head, or of the encoder alone.
    String prefix = loader.contains(TOKENS) ? "" : "model.";
    RotaryTable full = new RotaryTable(config.full(), config.headDim(), DType.F32, device, owner);
    RotaryTable local = new RotaryTable(config.local(), config.headDim(), DType.F32, device, owner);
    List<ModernBertLayer> layers = new ArrayList<>();
    for (int i = 0; i < config.layers(); i++) {
      RotaryTable rotary = config.windows().get(i) > 0 ? local : full;
      layers.add(ModernBertLayer.load(prefix + "layers." + i + ".", i, config, rotary, loader));
    }
    return new ModernBertParts(
        config,
        device,
        loader.load(prefix + TOKENS, config.vocabulary(), config.dModel()),
        ModernBertLayer.norm(loader, prefix + "embeddings.norm", config),
        List.copyOf(layers),
        ModernBertLayer.norm(loader, prefix + "final_norm", config),
        full,
        local);
  }

  @Override
  public Tensor embed(TokenBatch batch) {
    full.reach(batch.length());
    local.reach(batch.length());
    Tensor ids = Tensor.ofLongs(batch.paddedIds(), batch.size(), batch.length()).to(device);
    return norm.apply(tokens.embedding(ids));
  }

  @Override
  public Tensor finished(Tensor stream) {
    return finalNorm.apply(stream);
  }

  @Override
  public List<RotaryAngles> angles(int length) {
    return layers.stream().map(layer -> layer.rotary().angles()).toList();
  }
}
