package io.sluice.model.causal;

import io.sluice.model.parts.KeyTable;
import io.sluice.torch.Tensor;
import java.io.IOException;
import java.util.Map;

/**
 * How GGUF files hold an architecture: its settings in their metadata, and what llama.cpp's
 * converter makes of HuggingFace's tensors.
 */
public interface GgufForm {
  /** The name that {@code general.architecture} gives. */
  String label();

  /**
   * The keys of the metadata that begin with the label, without it. The check of a file and the
   * documentation are made from this table.
   */
  KeyTable keys();

  /**
   * What the metadata says. Defaults are those of llama.cpp.
   *
   * @throws IOException if a setting is missing, out of range or not supported
   * @throws IllegalArgumentException if two settings do not fit each other
   */
  CausalConfig config(GgufSettings settings) throws IOException;

  /**
   * The file's names of modules by HuggingFace's; those of a layer's modules without what stands
   * before them in either.
   */
  Map<String, String> names();

  /** Whether the file keeps the matrix of this name transposed. */
  default boolean isTransposed(String name) {
    return false;
  }

  /**
   * The values of a tensor in HuggingFace's arrangement.
   *
   * @throws IOException if its shape does not fit the configuration
   */
  default Tensor restored(GgufTensor tensor) throws IOException {
    return tensor.values();
  }
}
