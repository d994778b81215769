package io.sluice.model.causal;

import io.sluice.model.parts.Linear;
import io.sluice.model.parts.Norm;
import io.sluice.model.parts.WeightLoader;
import io.sluice.torch.Tensor;
import java.io.IOException;

/**
 * GPT-2: learned positions, layer norms, one projection for queries, keys and values, plain MLP,
 * biases everywhere. Its checkpoints keep matrices as {@code [in, out]}.
 *
 * <p>{@code attn_out} is the output of {@code attn.c_proj}, {@code mlp_out} that of {@code
 * mlp.c_proj}; the layer adds both as they are.
 */
final class Gpt2 {
  private static final String EMBEDDING = "transformer.wte.weight";
  private static final String HEAD = "lm_head.weight";

  private Gpt2() {}

  static CausalParts load(CausalConfig config, WeightLoader loader) throws IOException {
    int d = config.dModel();
    Tensor tokens = CausalParts.tokens(config, loader, EMBEDDING, HEAD);
    return new CausalParts(
        tokens,
        1,
        loader.load("transformer.wpe.weight", config.positions(), d),
        CausalParts.layers(
            config.layers(),
            index -> {
              String at = "transformer.h." + index;
              return CausalLayer.sequential(
                  index,
                  norm(loader, at + ".ln_1", config),
                  new CausalAttention(
                      Projections.queriesFirst(
                          transposed(loader, at + ".attn.c_attn", 3L * d, d), config.attention()),
                      null,
                      config.attention(),
                      0,
                      transposed(loader, at + ".attn.c_proj", d, d)),
                  norm(loader, at + ".ln_2", config),
                  new Mlp.Plain(
                      transposed(loader, at + ".mlp.c_fc", config.intermediate(), d),
                      config.activation(),
                      transposed(loader, at + ".mlp.c_proj", d, config.intermediate())));
            }),
        norm(loader, "transformer.ln_f", config),
        CausalParts.head(config, loader, tokens, EMBEDDING, HEAD));
  }

  private static Linear transposed(WeightLoader loader, String module, long out, long in)
      throws IOException {
    return new Linear(
        loader.loadTransposed(module + ".weight", out, in), loader.load(module + ".bias", out));
  }

  private static Norm norm(WeightLoader loader, String module, CausalConfig config)
      throws IOException {
    return Norm.Layer.of(loader, module, config.dModel(), config.normEpsilon());
  }
}
