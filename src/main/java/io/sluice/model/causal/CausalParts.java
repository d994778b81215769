package io.sluice.model.causal;

import io.sluice.model.parts.Norm;
import io.sluice.model.parts.WeightLoader;
import io.sluice.torch.Tensor;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * What a causal language model is made of.
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

  /** Makes one layer. */
  @FunctionalInterface
  interface LayerFactory {
    CausalLayer make(int index) throws IOException;
  }

  /**
   * Loads a model's parts.
   *
   * @param rotary shared by all layers of the architectures that have it
   * @throws IOException if a tensor is missing or has another shape than the configuration says
   */
  static CausalParts load(CausalConfig config, WeightLoader loader, RotaryTable rotary)
      throws IOException {
    return switch (config.architecture()) {
      case GPT2 -> Gpt2.load(config, loader);
      case GPT_NEOX -> GptNeoX.load(config, loader, rotary);
      case LLAMA, MISTRAL -> Llama.load(config, loader, rotary);
      case QWEN2 -> Qwen2.load(config, loader, rotary);
      case QWEN3 -> Qwen3.load(config, loader, rotary);
      case GEMMA2 -> Gemma2.load(config, loader, rotary);
    };
  }

  static List<CausalLayer> layers(int count, LayerFactory factory) throws IOException {
    List<CausalLayer> layers = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      layers.add(factory.make(i));
    }
    return List.copyOf(layers);
  }

  /**
   * The token embedding. A checkpoint whose configuration ties it to the head may keep it as the
   * head's weight alone.
   */
  static Tensor tokens(CausalConfig config, WeightLoader loader, String name, String head)
      throws IOException {
    boolean asHead = config.tiedHead() && !loader.contains(name) && loader.contains(head);
    return loader.load(asHead ? head : name, config.vocabulary(), config.dModel());
  }

  /**
   * The head's weight: {@code tokens} if the configuration ties them, or the tensor {@code name}.
   * Only checkpoints of a model without its head may lack it. Where they are tied, and the file has
   * a head that differs, the configuration is wrong and the head is the file's, as in {@code
   * transformers}.
   */
  static Tensor head(
      CausalConfig config, WeightLoader loader, Tensor tokens, String embedding, String name)
      throws IOException {
    if (config.tiedHead() && (!loader.contains(name) || loader.areSame(embedding, name))) {
      return tokens;
    }
    return loader.contains(name) || !loader.isHeadless()
        ? loader.load(name, config.vocabulary(), config.dModel())
        : null;
  }
}
