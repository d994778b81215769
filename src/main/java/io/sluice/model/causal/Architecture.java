package io.sluice.model.causal;

import java.util.Arrays;
import java.util.stream.Collectors;

/** The architectures of causal language models that Sluice runs. */
public enum Architecture {
  GPT2("gpt2", "transformer.", "transformer.ln_f.weight"),
  GPT_NEOX("gpt_neox", "gpt_neox.", "gpt_neox.final_layer_norm.weight"),
  LLAMA("llama", "model.", "model.norm.weight"),
  MISTRAL("mistral", "model.", "model.norm.weight"),
  QWEN2("qwen2", "model.", "model.norm.weight"),
  QWEN3("qwen3", "model.", "model.norm.weight"),
  GEMMA2("gemma2", "model.", "model.norm.weight");

  private final String label;
  private final String prefix;
  private final String finalNorm;

  Architecture(String label, String prefix, String finalNorm) {
    this.label = label;
    this.prefix = prefix;
    this.finalNorm = finalNorm;
  }

  /** The name that {@code model_type} in {@code config.json} gives. */
  public String label() {
    return label;
  }

  /** What stands before the names of all weights but the head's. */
  String prefix() {
    return prefix;
  }

  /** The name of the weight of the last norm, which every checkpoint has. */
  String finalNorm() {
    return finalNorm;
  }

  /** The architecture of this name, or null. */
  public static Architecture ofLabel(String label) {
    for (Architecture architecture : values()) {
      if (architecture.label.equals(label)) {
        return architecture;
      }
    }
    return null;
  }

  /** All names, for messages. */
  public static String labels() {
    return Arrays.stream(values()).map(Architecture::label).collect(Collectors.joining(", "));
  }
}
