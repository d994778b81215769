package io.sluice.model.causal;

import io.sluice.model.parts.Norm;
import io.sluice.model.parts.WeightLoader;
import io.sluice.torch.Tensor;
import java.io.IOException;

/**
 * Gemma 2: embeddings times {@code √dModel}, norms before and after attention and MLP whose weights
 * count from 1, every other layer with a window, caps on attention scores and logits.
 *
 * <p>{@code attn_out} is the output of {@code self_attn.o_proj}, and {@code mlp_out} that of {@code
 * mlp.down_proj}: before {@code post_attention_layernorm} and {@code post_feedforward_layernorm},
 * whose results the layer adds.
 */
final class Gemma2 {
  private static final String EMBEDDING = "model.embed_tokens.weight";
  private static final String HEAD = "lm_head.weight";

  private Gemma2() {}

  static CausalParts load(CausalConfig config, WeightLoader loader, RotaryTable rotary)
      throws IOException {
    AttentionConfig attention = config.attention();
    Tensor tokens = CausalParts.tokens(config, loader, EMBEDDING, HEAD);
    return new CausalParts(
        tokens,
        Math.sqrt(config.dModel()),
        null,
        CausalParts.layers(
            config.layers(),
            index -> {
              String at = "model.layers." + index;
              String module = at + ".self_attn";
              return new CausalLayer(
                  index,
                  false,
                  norm(loader, at + ".input_layernorm", config),
                  new CausalAttention(
                      Projections.separate(loader, module, config, attention.bias()),
                      rotary,
                      attention,
                      attention.windows().get(index),
                      Llama.output(loader, module, config, attention.bias())),
                  norm(loader, at + ".post_attention_layernorm", config),
                  norm(loader, at + ".pre_feedforward_layernorm", config),
                  Mlp.Gated.of(loader, at + ".mlp", config),
                  norm(loader, at + ".post_feedforward_layernorm", config));
            }),
        norm(loader, "model.norm", config),
        CausalParts.head(config, loader, tokens, EMBEDDING, HEAD));
  }

  private static Norm norm(WeightLoader loader, String module, CausalConfig config)
      throws IOException {
    return new Norm.Rms(
        loader.loadPlusOne(module + ".weight", config.dModel()), config.normEpsilon());
  }
}
