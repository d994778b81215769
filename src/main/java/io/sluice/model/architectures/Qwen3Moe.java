package io.sluice.model.architectures;

import io.sluice.model.causal.AttentionConfig;
import io.sluice.model.causal.CausalConfigFile;
import io.sluice.model.causal.GgufForm;
import io.sluice.model.causal.LayerLoader;
import io.sluice.model.causal.MixtureConfig;
import io.sluice.model.causal.Mlp;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.KeyTable;
import java.io.IOException;
import java.util.List;

/** Qwen3-MoE: {@link Qwen3} with mixtures of experts in some or all layers. */
final class Qwen3Moe extends Qwen3 {
  @Override
  public String label() {
    return "qwen3_moe";
  }

  @Override
  public KeyTable configKeys() {
    return Experts.qwenKeys(rmsKeys(label()))
        .honoured("hidden_act", "attention_bias", "use_sliding_window", "sliding_window")
        .honoured("num_local_experts")
        .unlessFalse("mlp_bias")
        // The window is that of all layers or of none.
        .noEffect("max_window_layers");
  }

  @Override
  protected Defaults defaults() {
    int follows = CausalConfigFile.FOLLOWS;
    return new Defaults(24, 2048, 32, 151936, 6144, 4, follows, 32768, 10000);
  }

  @Override
  protected List<Integer> windows(CausalConfigFile file, int layers) throws IOException {
    return AttentionConfig.sameWindows(layers, window(file));
  }

  @Override
  protected MixtureConfig mixture(ConfigFile file, int layers) throws IOException {
    return Experts.qwen(file, layers, experts(file), 8, 768, 0);
  }

  /** Published files say {@code num_experts}; transformers 5 writes {@code num_local_experts}. */
  private static int experts(ConfigFile file) throws IOException {
    int experts = file.integer("num_experts", 128);
    int local = file.integer("num_local_experts", experts);
    if (file.isGiven("num_experts") && local != experts) {
      throw file.damaged("num_experts is " + experts + ", but num_local_experts is " + local);
    }
    return local;
  }

  @Override
  protected Mlp feedForward(LayerLoader loader) throws IOException {
    return loader.config().mixture().layers().contains(loader.index())
        ? Experts.load(loader, "mlp.gate", Qwen2Moe.NAMES, null)
        : mlp(loader);
  }

  @Override
  public GgufForm gguf() {
    return null;
  }
}
