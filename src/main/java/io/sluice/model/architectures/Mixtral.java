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
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Mixtral: {@link Llama} with a mixture of experts in each layer, whose weights sum to 1 for each
 * token, and in some models sliding-window attention.
 */
final class Mixtral extends Llama {
  private static final Experts.Names NAMES =
      new Experts.Names("block_sparse_moe.experts.", "w1", "w3", "w2");

  @Override
  public String label() {
    return "mixtral";
  }

  @Override
  public KeyTable configKeys() {
    return Experts.trainingKeys(rmsKeys(label()))
        .honoured("hidden_act", "sliding_window", "num_local_experts", "num_experts_per_tok")
        .unlessFalse("attention_bias", "mlp_bias")
        .unless(
            "what `num_local_experts` says",
            (value, all) -> value.equals(all.get("num_local_experts")),
            "num_experts");
  }

  @Override
  protected Defaults defaults() {
    int follows = CausalConfigFile.FOLLOWS;
    return new Defaults(32, 4096, 32, 32000, 14336, 8, follows, 131072, 1e6);
  }

  @Override
  protected double defaultEpsilon() {
    return 1e-5;
  }

  @Override
  protected List<Integer> windows(CausalConfigFile file, int layers) throws IOException {
    return AttentionConfig.sameWindows(layers, file.windowIfGiven());
  }

  @Override
  protected boolean attentionBias(ConfigFile file) {
    return false;
  }

  @Override
  protected boolean mlpBias(ConfigFile file) {
    return false;
  }

  @Override
  protected MixtureConfig mixture(ConfigFile file, int layers) throws IOException {
    return new MixtureConfig(
        file.integer("num_local_experts", 8),
        file.integer("num_experts_per_tok", 2),
        file.integer("intermediate_size", 14336),
        true,
        0,
        IntStream.range(0, layers).boxed().collect(Collectors.toSet()));
  }

  @Override
  protected Mlp feedForward(LayerLoader loader) throws IOException {
    return Experts.load(loader, "block_sparse_moe.gate", NAMES, null);
  }

  @Override
  public GgufForm gguf() {
    return null;
  }
}
