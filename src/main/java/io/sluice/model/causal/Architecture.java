package io.sluice.model.causal;

import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.KeyTable;
import io.sluice.model.parts.ModelTensors;
import io.sluice.model.parts.Norm;
import io.sluice.model.parts.WeightLoader;
import java.io.IOException;

/**
 * A family of causal language models: its name, its configuration, the names of its tensors and the
 * arrangement of its layers. Everything specific to a family is in its class, and no other code
 * names the family. {@code docs/extending.md} says how to add one.
 */
public interface Architecture {
  /** The name that {@code model_type} in {@code config.json} gives. */
  String label();

  /**
   * The keys of {@code config.json} that this architecture has; those of {@link
   * io.sluice.model.parts.CommonKeys} are known beside them. The check of a file and the
   * documentation are made from this table.
   */
  KeyTable configKeys();

  /**
   * Reads the configuration in {@code config.json}. A setting that is missing has the default of
   * {@code transformers}.
   *
   * @throws IOException if a setting is missing, out of range or not supported
   * @throws IllegalArgumentException if two settings do not fit each other
   */
  CausalConfig config(ConfigFile file) throws IOException;

  /** HuggingFace's names of the tensors outside the layers, and of where layers begin. */
  ModuleNames names();

  /**
   * Loads a norm over the residual stream, of the kind that this architecture has.
   *
   * @param module the norm's name, for instance {@code model.norm}
   * @throws IOException if a tensor is missing or has another shape
   */
  Norm norm(WeightLoader loader, String module, CausalConfig config) throws IOException;

  /**
   * Loads one layer.
   *
   * @param loader loads tensors by their names inside the layer
   * @throws IOException if a tensor is missing or has another shape
   */
  CausalLayer layer(LayerLoader loader) throws IOException;

  /** A checkpoint's tensors under the names that this class uses, where files have others. */
  default ModelTensors tensors(ModelTensors stored) {
    return stored;
  }

  /** The factor on token embeddings. */
  default double embeddingScale(CausalConfig config) {
    return 1;
  }

  /**
   * How GGUF files hold this architecture; null if Sluice reads it from {@code config.json} only.
   */
  default GgufForm gguf() {
    return null;
  }
}
