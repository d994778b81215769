package io.sluice.model.causal;

import io.sluice.model.parts.Linear;
import io.sluice.model.parts.Norm;
import io.sluice.model.parts.WeightLoader;
import io.sluice.torch.Tensor;
import java.io.IOException;

/**
 * Llama 2 and 3, SmolLM2, and Mistral, whose layers may see through a window: RMS norms, rotary
 * positions, grouped queries, gated MLP.
 *
 * <p>{@code attn_out} is the output of {@code self_attn.o_proj}, {@code mlp_out} that of {@code
 * mlp.down_proj}; the layer adds both as they are.
 */
final class Llama {
  private static final String EMBEDDING = "model.embed_tokens.weight";
  private static final String HEAD = "lm_head.weight";

  private Llama() {}

  static CausalParts load(CausalConfig config, WeightLoader loader, RotaryTable rotary)
      throws IOException {
    boolean bias = config.attention().bias();
    return load(
        config,
        loader,
        index -> {
          String module = "model.layers." + index + ".self_attn";
          return new CausalAttention(
              Projections.separate(loader, module, config, bias),
              rotary,
              config.attention(),
              config.attention().windows().get(index),
              output(loader, module, config, bias));
        });
  }

  /** Makes the attention of one layer. */
  @FunctionalInterface
  interface AttentionFactory {
    CausalAttention make(int index) throws IOException;
  }

  /** A model like Llama, but for its attention. */
  static CausalParts load(CausalConfig config, WeightLoader loader, AttentionFactory attention)
      throws IOException {
    Tensor tokens = CausalParts.tokens(config, loader, EMBEDDING, HEAD);
    return new CausalParts(
        tokens,
        1,
        null,
        CausalParts.layers(
            config.layers(),
            index -> {
              String at = "model.layers." + index;
              return CausalLayer.sequential(
                  index,
                  norm(loader, at + ".input_layernorm", config),
                  attention.make(index),
                  norm(loader, at + ".post_attention_layernorm", config),
                  Mlp.Gated.of(loader, at + ".mlp", config));
            }),
        norm(loader, "model.norm", config),
        CausalParts.head(config, loader, tokens, EMBEDDING, HEAD));
  }

  static Linear output(WeightLoader loader, String module, CausalConfig config, boolean biased)
      throws IOException {
    long width = (long) config.attention().heads() * config.attention().headDim();
    return Linear.of(loader, module + ".o_proj", config.dModel(), width, biased);
  }

  private static Norm norm(WeightLoader loader, String module, CausalConfig config)
      throws IOException {
    return Norm.Rms.of(loader, module, config.dModel(), config.normEpsilon());
  }
}
