package io.sluice.model.bert;

import io.sluice.model.TokenBatch;
import io.sluice.model.parts.Norm;
import io.sluice.model.parts.WeightLoader;
import io.sluice.simd.layers.RotaryAngles;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * The parts of BERT and RoBERTa: absolute positions, normalisation after each residual add. Token
 * types are all 0.
 *
 * @param words {@code [vocabulary, dModel]}
 * @param positions {@code [positions, dModel]}
 * @param types {@code [types, dModel]}
 * @param norm of the embeddings
 */
record BertParts(
    BertConfig config,
    Device device,
    Tensor words,
    Tensor positions,
    Tensor types,
    Norm norm,
    List<BertLayer> layers)
    implements EncoderParts {

  /**
   * Loads the weights.
   *
   * @throws IOException if a tensor is missing or has another shape than the configuration says
   */
  static BertParts load(BertWeights parameters, WeightLoader loader, Device device)
      throws IOException {
    BertConfig config = parameters.config();
    long d = config.dModel();
    Tensor words =
        parameters.parameter(loader, "embeddings.word_embeddings.weight", config.vocabulary(), d);
    Tensor positions =
        parameters.parameter(
            loader, "embeddings.position_embeddings.weight", config.positions(), d);
    Tensor types =
        parameters.parameter(loader, "embeddings.token_type_embeddings.weight", config.types(), d);
    Norm norm = BertLayer.norm(parameters, loader, "embeddings.LayerNorm");
    List<BertLayer> layers = new ArrayList<>();
    for (int i = 0; i < config.layers(); i++) {
      layers.add(new BertLayer(i, parameters, loader));
    }
    return new BertParts(config, device, words, positions, types, norm, List.copyOf(layers));
  }

  @Override
  public Tensor embed(TokenBatch batch) {
    Tensor ids = Tensor.ofLongs(batch.paddedIds(), batch.size(), batch.length()).to(device);
    Tensor places = placed(batch).add(types.narrow(0, 0, 1));
    return norm.apply(words.embedding(ids).add(places));
  }

  private Tensor placed(TokenBatch batch) {
    if (config.padding() == BertConfig.FROM_ZERO) {
      return positions.narrow(0, 0, batch.length());
    }
    Tensor places = Tensor.ofLongs(config.places(batch), batch.size(), batch.length());
    return positions.embedding(places.to(device));
  }

  /** An alias: the last layer has normalised it. */
  @Override
  public Tensor finished(Tensor stream) {
    return stream.to(device);
  }

  @Override
  public List<RotaryAngles> angles(int length) {
    return null;
  }
}
