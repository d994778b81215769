package io.sluice.model.causal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.model.GoldenBatch;
import io.sluice.model.Hooks;
import io.sluice.model.TinyModel;
import io.sluice.model.TokenBatch;
import io.sluice.model.loading.LoadedModel;
import io.sluice.testing.Python;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import io.sluice.weights.Safetensors;
import io.sluice.weights.TensorData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The language model inside a checkpoint that reads images, too, is the one that has it alone. */
class MultimodalGemmaTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir Path folder;

  /** As published, and as some versions of transformers have saved it. */
  @ParameterizedTest
  @ValueSource(strings = {"language_model.model.", "model.language_model."})
  void computesWhatTheLanguageModelAloneComputes(String prefix) throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    write(prefix, false);
    GoldenBatch golden = TinyModel.GEMMA3.golden();
    try (LoadedModel model = LoadedModel.open(folder, Device.CPU)) {
      assertThat(model.transformer().shape().architecture()).isEqualTo("gemma3");
      TokenBatch batch = TokenBatch.of(golden.contexts());
      assertThat(model.languageModel().loss(batch, Hooks.none()).mean())
          .isCloseTo(golden.metadata("loss"), within(1e-5));
    }
  }

  @Tag("slow")
  @Tag("python")
  @Test
  void computesWhatTransformersComputesOfTheWholeCheckpoint() throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    Path alone = TinyModel.GEMMA3.folder();
    Path golden = alone.resolveSibling("tiny-gemma3.safetensors");
    String loss = Python.run("multimodal_gemma.py", alone, golden, folder.resolve("whole"));
    List<int[]> contexts = TinyModel.GEMMA3.golden().contexts();
    for (int[] context : contexts) {
      for (int i = 0; i < context.length; i++) {
        context[i] = context[i] == 47 ? 44 : context[i];
      }
    }
    try (LoadedModel model = LoadedModel.open(folder.resolve("whole"), Device.CPU)) {
      TokenBatch batch = TokenBatch.of(contexts);
      assertThat(model.languageModel().loss(batch, Hooks.none()).mean())
          .isCloseTo(Double.parseDouble(loss.strip()), within(1e-5));
    }
  }

  @Test
  void refusesByNameWhatItsLanguageModelDoesNot() throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    write("language_model.model.", true);
    assertThatThrownBy(() -> LoadedModel.open(folder, Device.CPU))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("use_bidirectional_attention");
  }

  private void write(String prefix, boolean bidirectional) throws IOException {
    Safetensors alone = Safetensors.open(TinyModel.GEMMA3.folder().resolve("model.safetensors"));
    List<TensorData> tensors = new ArrayList<>();
    for (String name : alone.names()) {
      tensors.add(
          TensorData.of(
              prefix + name.substring("model.".length()),
              alone.dtype(name),
              alone.data(name),
              alone.shape(name)));
    }
    tensors.add(TensorData.of("vision_tower.weight", new float[] {1}, 1));
    Safetensors.write(folder.resolve("model.safetensors"), tensors, Map.of());
    Files.copy(
        TinyModel.GEMMA3.folder().resolve("tokenizer.json"), folder.resolve("tokenizer.json"));
    ObjectNode text =
        (ObjectNode) JSON.readTree(TinyModel.GEMMA3.folder().resolve("config.json").toFile());
    text.put("use_bidirectional_attention", bidirectional);
    ObjectNode config = JSON.createObjectNode();
    config.put("model_type", "gemma3").put("mm_tokens_per_image", 4).set("text_config", text);
    config.putObject("vision_config").put("model_type", "siglip_vision_model");
    JSON.writeValue(folder.resolve("config.json").toFile(), config);
  }
}
