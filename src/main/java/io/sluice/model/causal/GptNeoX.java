package io.sluice.model.causal;

import io.sluice.model.parts.Linear;
import io.sluice.model.parts.Norm;
import io.sluice.model.parts.WeightLoader;
import io.sluice.torch.Tensor;
import java.io.IOException;

/**
 * GPT-NeoX and Pythia: attention and MLP read the same residual stream, layer norms, rotary
 * positions on part of each head, one projection for queries, keys and values.
 *
 * <p>{@code attn_out} is the output of {@code attention.dense}, {@code mlp_out} that of {@code
 * mlp.dense_4h_to_h}; the layer adds both as they are.
 */
final class GptNeoX {
  private static final String EMBEDDING = "gpt_neox.embed_in.weight";
  private static final String HEAD = "embed_out.weight";

  private GptNeoX() {}

  static CausalParts load(CausalConfig config, WeightLoader loader, RotaryTable rotary)
      throws IOException {
    int d = config.dModel();
    boolean bias = config.attention().bias();
    Tensor tokens = CausalParts.tokens(config, loader, EMBEDDING, HEAD);
    return new CausalParts(
        tokens,
        1,
        null,
        CausalParts.layers(
            config.layers(),
            index -> {
              String at = "gpt_neox.layers." + index;
              String module = at + ".attention";
              Norm attentionNorm = norm(loader, at + ".input_layernorm", config);
              CausalAttention attention =
                  new CausalAttention(
                      Projections.headByHead(
                          Linear.of(loader, module + ".query_key_value", 3L * d, d, bias),
                          config.attention()),
                      rotary,
                      config.attention(),
                      0,
                      Linear.of(loader, module + ".dense", d, d, bias));
              Norm mlpNorm = norm(loader, at + ".post_attention_layernorm", config);
              Mlp mlp =
                  new Mlp.Plain(
                      Linear.of(loader, at + ".mlp.dense_h_to_4h", config.intermediate(), d, true),
                      config.activation(),
                      Linear.of(loader, at + ".mlp.dense_4h_to_h", d, config.intermediate(), true));
              return config.parallelResidual()
                  ? CausalLayer.parallel(index, attentionNorm, attention, mlpNorm, mlp)
                  : CausalLayer.sequential(index, attentionNorm, attention, mlpNorm, mlp);
            }),
        norm(loader, "gpt_neox.final_layer_norm", config),
        CausalParts.head(config, loader, tokens, EMBEDDING, HEAD));
  }

  private static Norm norm(WeightLoader loader, String module, CausalConfig config)
      throws IOException {
    return Norm.Layer.of(loader, module, config.dModel(), config.normEpsilon());
  }
}
