package io.sluice.model.architectures;

import io.sluice.model.causal.CausalAttention;
import io.sluice.model.causal.CausalConfigFile;
import io.sluice.model.causal.GgufForm;
import io.sluice.model.causal.GgufSettings;
import io.sluice.model.causal.GgufTensor;
import io.sluice.model.causal.LayerLoader;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.KeyTable;
import io.sluice.torch.Tensor;
import java.io.IOException;
import java.util.List;

/**
 * Qwen2 and Qwen2.5: {@link Llama} with biases on queries, keys and values; upper layers may have
 * sliding-window attention.
 */
class Qwen2 extends Llama {
  @Override
  public String label() {
    return "qwen2";
  }

  @Override
  public KeyTable configKeys() {
    return qwenKeys(label()).unlessTrue("attention_bias");
  }

  static KeyTable qwenKeys(String label) {
    return rmsKeys(label)
        .honoured("hidden_act", "use_sliding_window", "sliding_window", "max_window_layers")
        .honoured("layer_types")
        .unlessFalse("mlp_bias");
  }

  @Override
  protected Defaults defaults() {
    return new Defaults(151936, 22016, 32, CausalConfigFile.FOLLOWS, 32768);
  }

  @Override
  protected List<Integer> windows(CausalConfigFile file, int layers) throws IOException {
    int window = window(file);
    int full = file.file().integer("max_window_layers", 28);
    return file.windows(layers, window, layer -> window > 0 && layer >= full);
  }

  /** The window of those layers that slide; 0 for none. */
  static int window(CausalConfigFile file) throws IOException {
    boolean isUsed = file.file().bool("use_sliding_window", false);
    return isUsed ? file.windowOrNone() : unused(file.file());
  }

  /** Reads and ignores the window, since {@code use_sliding_window} is false. */
  private static int unused(ConfigFile file) {
    file.value("sliding_window");
    return 0;
  }

  @Override
  protected boolean attentionBias(ConfigFile file) throws IOException {
    return true;
  }

  @Override
  protected boolean mlpBias(ConfigFile file) {
    return false;
  }

  @Override
  protected CausalAttention attention(LayerLoader loader) throws IOException {
    return loader.attention(
        projections(loader, true), loader.attentionOutput("self_attn.o_proj", false));
  }

  @Override
  public GgufForm gguf() {
    return new Gguf() {
      @Override
      protected boolean attentionBias(GgufSettings settings) {
        return true;
      }
    };
  }

  /** In GGUF files, which keep queries and keys as they are. */
  protected class Gguf extends Llama.Gguf {
    @Override
    protected boolean rotatesWholeHeads() {
      return false;
    }

    @Override
    public Tensor restored(GgufTensor tensor) {
      return tensor.values();
    }
  }
}
