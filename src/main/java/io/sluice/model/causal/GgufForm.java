package io.sluice.model.causal;

import io.sluice.model.parts.KeyTable;
import io.sluice.torch.Tensor;
import java.io.IOException;
import java.util.Map;

/**
 * How GGUF files hold an architecture: its settings in their metadata, and how llama.cpp's
 * converter changes HuggingFace's tensors.
 */
public abstract class GgufForm {
  private final String label;
  private final Map<String, String> names;

  /**
   * @param label the name that {@code general.architecture} gives
   * @param names the file's names of modules by HuggingFace's; those of a layer's modules without
   *     what stands before them in either
   */
  protected GgufForm(String label, Map<String, String> names) {
    this.label = label;
    this.names = Map.copyOf(names);
  }

  /** The name that {@code general.architecture} gives. */
  public final String label() {
    return label;
  }

  /** The file's name of a module, or of a layer's module inside the layer; null if it has none. */
  final String stored(String module) {
    return names.get(module);
  }

  /**
   * The keys of the metadata that begin with the label, without it. The check of a file and the
   * documentation are made from this table.
   */
  public abstract KeyTable keys();

  /**
   * Reads the configuration in the metadata. Defaults are those of llama.cpp.
   *
   * @throws IOException if a setting is missing, out of range or not supported
   * @throws IllegalArgumentException if two settings do not fit each other
   */
  public abstract CausalConfig config(GgufSettings settings) throws IOException;

  /** Whether the file keeps the matrix of this name transposed. */
  public boolean isTransposed(String name) {
    return false;
  }

  /**
   * The values of a tensor in HuggingFace's arrangement.
   *
   * @throws IOException if its shape does not fit the configuration
   */
  public Tensor restored(GgufTensor tensor) throws IOException {
    return tensor.values();
  }
}
