package io.sluice.model.architectures;

import io.sluice.model.causal.LayerLoader;
import io.sluice.model.causal.Mixture;
import io.sluice.model.causal.MixtureConfig;
import io.sluice.model.causal.Mlp;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.KeyTable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** What the architectures with mixtures of experts share. */
final class Experts {
  private Experts() {}

  /**
   * The names of the projections of an expert, which the files keep one by one.
   *
   * @param module what stands before the number of an expert
   */
  record Names(String module, String gate, String up, String down) {}

  /** The keys that say how a mixture is trained. */
  static KeyTable trainingKeys(KeyTable keys) {
    return keys.noEffect("output_router_logits", "router_aux_loss_coef", "router_jitter_noise");
  }

  /** The keys of Qwen's mixtures. */
  static KeyTable qwenKeys(KeyTable keys) {
    return trainingKeys(keys)
        .honoured("num_experts", "num_experts_per_tok", "moe_intermediate_size")
        .honoured("norm_topk_prob", "decoder_sparse_step", "mlp_only_layers");
  }

  /** Qwen's mixtures, in those layers that have one. */
  static MixtureConfig qwen(
      ConfigFile file, int layers, int experts, int chosen, int intermediate, int shared)
      throws IOException {
    int step = file.integer("decoder_sparse_step", 1);
    if (step < 1) {
      throw file.damaged("decoder_sparse_step is " + step);
    }
    Set<Integer> dense = file.integers("mlp_only_layers");
    Set<Integer> mixed = new HashSet<>();
    for (int layer = step - 1; layer < layers; layer += step) {
      if (!dense.contains(layer)) {
        mixed.add(layer);
      }
    }
    return new MixtureConfig(
        experts,
        file.integer("num_experts_per_tok", chosen),
        file.integer("moe_intermediate_size", intermediate),
        file.bool("norm_topk_prob", false),
        shared,
        mixed);
  }

  /**
   * The mixture of a layer.
   *
   * @param router the router's name
   * @param shared the name of the expert that every token goes to, if there is one
   */
  static Mixture load(LayerLoader loader, String router, Names names, String shared)
      throws IOException {
    MixtureConfig mixture = loader.config().mixture();
    List<Mlp.Gated> experts = new ArrayList<>();
    for (int expert = 0; expert < mixture.experts(); expert++) {
      experts.add(gated(loader, names.module + expert, names, mixture.intermediate()));
    }
    boolean isShared = mixture.shared() > 0;
    if (!isShared && shared != null) {
      loader.requireEmpty(shared + "." + names.gate);
    }
    int width = loader.config().dModel();
    return new Mixture(
        loader.linear(router, mixture.experts(), width, false),
        experts,
        mixture.chosen(),
        mixture.normalised(),
        isShared ? gated(loader, shared, names, mixture.shared()) : null,
        isShared ? loader.linear(shared + "_gate", 1, width, false) : null);
  }

  private static Mlp.Gated gated(LayerLoader loader, String module, Names names, int inner)
      throws IOException {
    int width = loader.config().dModel();
    return new Mlp.Gated(
        loader.linear(module + "." + names.gate, inner, width, false),
        loader.linear(module + "." + names.up, inner, width, false),
        loader.config().activation(),
        loader.linear(module + "." + names.down, width, inner, false));
  }
}
