package io.sluice.model.causal;

import static io.sluice.model.causal.ModuleNames.weight;

import io.sluice.model.parts.Norm;
import io.sluice.model.parts.WeightLoader;
import io.sluice.model.rotary.RotaryTable;
import io.sluice.torch.Tensor;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * The parts of a causal language model.
 *
 * @param tokens the token embedding, {@code [vocabulary, dModel]}
 * @param embeddingScale the factor on token embeddings
 * @param positions learned embeddings of positions, {@code [positions, dModel]}; null for none
 * @param layers the layers
 * @param finalNorm before the head
 * @param head {@code [vocabulary, dModel]}; null if the file has none
 */
record CausalParts(
    Tensor tokens,
    double embeddingScale,
    Tensor positions,
    List<CausalLayer> layers,
    Norm finalNorm,
    Tensor head) {

  /**
   * Loads a model's parts.
   *
   * @param rotary shared by the layers
   * @throws IOException if a tensor is missing or has another shape than the configuration says
   */
  static CausalParts load(CausalConfig config, WeightLoader loader, RotaryTables rotary)
      throws IOException {
    Architecture architecture = config.architecture();
    ModuleNames names = architecture.names();
    Tensor tokens = tokens(config, loader);
    Tensor positions =
        names.positions() == null
            ? null
            : loader.load(weight(names.positions()), config.positions(), config.dModel());
    List<CausalLayer> layers = new ArrayList<>(config.layers());
    for (int i = 0; i < config.layers(); i++) {
      RotaryTable table = rotary.of(config.attention().windows().get(i));
      layers.add(architecture.layer(new LayerLoader(i, config, loader, table)));
    }
    Norm finalNorm = architecture.norm(loader, names.finalNorm(), config);
    return new CausalParts(
        tokens,
        architecture.embeddingScale(config),
        positions,
        List.copyOf(layers),
        finalNorm,
        head(config, loader, tokens));
  }

  /**
   * The token embedding. A checkpoint whose configuration ties it to the head may keep it as the
   * head's weight alone.
   */
  private static Tensor tokens(CausalConfig config, WeightLoader loader) throws IOException {
    String name = weight(config.architecture().names().tokens());
    String head = weight(config.architecture().names().head());
    boolean asHead = config.tiedHead() && !loader.contains(name) && loader.contains(head);
    return loader.load(asHead ? head : name, config.vocabulary(), config.dModel());
  }

  /**
   * The head's weight: {@code tokens} if the configuration ties them, or a tensor of its own. Only
   * checkpoints of a model without its head may lack it. Where they are tied, and the file has a
   * head that differs, the configuration is wrong and the head is the file's, as in {@code
   * transformers}.
   */
  private static Tensor head(CausalConfig config, WeightLoader loader, Tensor tokens)
      throws IOException {
    String embedding = weight(config.architecture().names().tokens());
    String name = weight(config.architecture().names().head());
    if (config.tiedHead() && (!loader.contains(name) || loader.areSame(embedding, name))) {
      return tokens;
    }
    return loader.contains(name) || !loader.isHeadless()
        ? loader.load(name, config.vocabulary(), config.dModel())
        : null;
  }
}
