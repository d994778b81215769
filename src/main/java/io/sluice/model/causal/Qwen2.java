package io.sluice.model.causal;

import io.sluice.model.parts.WeightLoader;
import java.io.IOException;

/** Qwen2 and Qwen2.5: {@link Llama} with biases on queries, keys and values. */
final class Qwen2 {
  private Qwen2() {}

  static CausalParts load(CausalConfig config, WeightLoader loader, RotaryTable rotary)
      throws IOException {
    return Llama.load(
        config,
        loader,
        index -> {
          String module = "model.layers." + index + ".self_attn";
          return new CausalAttention(
              Projections.separate(loader, module, config, true),
              rotary,
              config.attention(),
              config.attention().windows().get(index),
              Llama.output(loader, module, config, false));
        });
  }
}
