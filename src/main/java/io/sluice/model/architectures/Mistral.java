package io.sluice.model.architectures;

import io.sluice.model.causal.AttentionConfig;
import io.sluice.model.causal.CausalConfigFile;
import io.sluice.model.causal.GgufForm;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.KeyTable;
import java.io.IOException;
import java.util.List;

/** Mistral: Llama with sliding-window attention in some or all layers. */
final class Mistral extends Llama {
  @Override
  public String label() {
    return "mistral";
  }

  @Override
  public KeyTable configKeys() {
    return rmsKeys(label())
        .honoured("hidden_act", "sliding_window")
        .unlessFalse("attention_bias", "mlp_bias")
        .unless(
            "`sliding_attention` throughout where there is a `sliding_window`, else `full_attention`",
            (value, all) ->
                all.get("sliding_window").isNull()
                    ? isFull(value)
                    : value.isNull() || allAre(value, "sliding_attention"),
            "layer_types");
  }

  @Override
  protected Defaults defaults() {
    return new Defaults(32000, 14336, 8, CausalConfigFile.FOLLOWS, 131072);
  }

  @Override
  protected List<Integer> windows(CausalConfigFile file, int layers) throws IOException {
    return AttentionConfig.sameWindows(layers, file.windowOrNone());
  }

  @Override
  protected boolean attentionBias(ConfigFile file) {
    return false;
  }

  @Override
  protected boolean mlpBias(ConfigFile file) {
    return false;
  }

  /** GGUF files call these models {@code llama}. */
  @Override
  public GgufForm gguf() {
    return null;
  }
}
