package io.sluice.model.architectures;

import io.sluice.model.causal.CausalAttention;
import io.sluice.model.causal.CausalConfigFile;
import io.sluice.model.causal.GgufForm;
import io.sluice.model.causal.LayerLoader;
import io.sluice.model.causal.MixtureConfig;
import io.sluice.model.causal.Mlp;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.KeyTable;
import java.io.IOException;
import java.util.List;

/**
 * Qwen1.5-MoE and Qwen2-MoE: {@link Qwen2} with mixtures of experts, and an expert that every token
 * goes to, in some or all layers.
 */
final class Qwen2Moe extends Qwen2 {
  /** The projections of Qwen's experts. */
  static final Experts.Names NAMES =
      new Experts.Names("mlp.experts.", "gate_proj", "up_proj", "down_proj");

  @Override
  public String label() {
    return "qwen2_moe";
  }

  @Override
  public KeyTable configKeys() {
    return Experts.qwenKeys(qwenKeys(label()))
        .honoured("shared_expert_intermediate_size", "qkv_bias");
  }

  @Override
  protected Defaults defaults() {
    int follows = CausalConfigFile.FOLLOWS;
    return new Defaults(24, 2048, 16, 151936, 5632, 16, follows, 32768, 10000);
  }

  @Override
  protected boolean attentionBias(ConfigFile file) throws IOException {
    return file.bool("qkv_bias", true);
  }

  /** Where the file does not say, every other lower layer slides. */
  @Override
  protected List<Integer> windows(CausalConfigFile file, int layers) throws IOException {
    int window = window(file);
    int lower = file.file().integer("max_window_layers", 28);
    return file.windows(layers, window, layer -> window > 0 && layer % 2 == 0 && layer < lower);
  }

  @Override
  protected MixtureConfig mixture(ConfigFile file, int layers) throws IOException {
    int shared = file.integer("shared_expert_intermediate_size", 5632);
    return Experts.qwen(file, layers, file.integer("num_experts", 60), 4, 1408, shared);
  }

  @Override
  protected CausalAttention attention(LayerLoader loader) throws IOException {
    return loader.attention(
        projections(loader, loader.config().attention().bias()),
        loader.attentionOutput("self_attn.o_proj", false));
  }

  @Override
  protected Mlp feedForward(LayerLoader loader) throws IOException {
    return loader.config().mixture().layers().contains(loader.index())
        ? Experts.load(loader, "mlp.gate", NAMES, "mlp.shared_expert")
        : mlp(loader);
  }

  @Override
  public GgufForm gguf() {
    return null;
  }
}
