package io.sluice.model.architectures;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import io.sluice.model.causal.CausalConfig;
import io.sluice.model.causal.GgufForm;
import io.sluice.model.parts.CommonKeys;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.parts.KeyTable;
import io.sluice.model.parts.ModelTensors;
import java.io.IOException;
import java.util.TreeSet;

/** The language model inside a checkpoint of Gemma 3 that reads images, too: {@link Gemma3}. */
final class Gemma3Multimodal extends Gemma3 {
  /** Before the names of the language model's tensors, in files as they are published. */
  private static final String PREFIX = "language_model.";

  /** The same in files that some versions of {@code transformers} have saved. */
  private static final String INSIDE = "model.language_model.";

  @Override
  public String label() {
    return "gemma3";
  }

  @Override
  public KeyTable configKeys() {
    return new KeyTable(label())
        .honoured("text_config", "eos_token_id")
        .unlessTrue("tie_word_embeddings", "is_causal")
        .noEffect("is_decoder", "vision_config", "mm_tokens_per_image")
        .noEffect("image_token_index", "boi_token_index", "eoi_token_index")
        .noEffect("image_token_id", "boi_token_id", "eoi_token_id");
  }

  @Override
  public CausalConfig config(ConfigFile file) throws IOException {
    JsonNode given = file.value("text_config");
    JsonNode text = given.isMissingNode() ? JsonNodeFactory.instance.objectNode() : given;
    if (!text.isObject()) {
      throw file.damaged("text_config is " + text);
    }
    ConfigFile inside = new ConfigFile(file.file(), text, new TreeSet<>());
    CommonKeys.check(inside, super.configKeys());
    return super.config(inside);
  }

  /** GGUF files have the language model alone. */
  @Override
  public GgufForm gguf() {
    return null;
  }

  @Override
  public ModelTensors tensors(ModelTensors stored) {
    boolean older = stored.contains(INSIDE + "norm.weight");
    return stored.renamed(
        name ->
            older
                ? name.startsWith("model.") ? INSIDE + name.substring("model.".length()) : name
                : PREFIX + name);
  }
}
