package io.sluice.model.causal;

import io.sluice.model.parts.Norm;
import io.sluice.model.parts.WeightLoader;
import java.io.IOException;

/** Qwen3: {@link Llama} with an RMS norm on each head's query and key, before they are rotated. */
final class Qwen3 {
  private Qwen3() {}

  static CausalParts load(CausalConfig config, WeightLoader loader, RotaryTable rotary)
      throws IOException {
    AttentionConfig attention = config.attention();
    return Llama.load(
        config,
        loader,
        index -> {
          String module = "model.layers." + index + ".self_attn";
          return new CausalAttention(
              Projections.separate(loader, module, config, attention.bias())
                  .normalised(
                      norm(loader, module + ".q_norm", config),
                      norm(loader, module + ".k_norm", config)),
              rotary,
              attention,
              attention.windows().get(index),
              Llama.output(loader, module, config, attention.bias()));
        });
  }

  private static Norm norm(WeightLoader loader, String module, CausalConfig config)
      throws IOException {
    return Norm.Rms.of(loader, module, config.attention().headDim(), config.normEpsilon());
  }
}
