package io.sluice.model.architectures;

import io.sluice.model.causal.CausalAttention;
import io.sluice.model.causal.GgufForm;
import io.sluice.model.causal.LayerLoader;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.KeyTable;
import java.io.IOException;

/** Qwen3: {@link Qwen2} with an RMS norm on each head's query and key, before they are rotated. */
class Qwen3 extends Qwen2 {
  @Override
  public String label() {
    return "qwen3";
  }

  @Override
  public KeyTable configKeys() {
    return qwenKeys(label()).honoured("attention_bias");
  }

  @Override
  protected Defaults defaults() {
    return new Defaults(151936, 22016, 32, 128, 32768);
  }

  @Override
  protected boolean attentionBias(ConfigFile file) throws IOException {
    return file.bool("attention_bias", false);
  }

  @Override
  protected CausalAttention attention(LayerLoader loader) throws IOException {
    boolean bias = loader.config().attention().bias();
    return loader.attention(
        projections(loader, bias)
            .normalised(loader.headNorm("self_attn.q_norm"), loader.headNorm("self_attn.k_norm")),
        loader.attentionOutput("self_attn.o_proj", bias));
  }

  @Override
  public GgufForm gguf() {
    return new Gguf();
  }
}
