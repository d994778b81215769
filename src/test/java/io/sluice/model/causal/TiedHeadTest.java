package io.sluice.model.causal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.model.Hooks;
import io.sluice.model.TinyModel;
import io.sluice.model.TokenBatch;
import io.sluice.model.loading.LoadedModel;
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
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Checkpoints whose configuration ties head and embedding, and that keep one, both or either. */
class TiedHeadTest {
  private static final String EMBEDDING = "model.embed_tokens.weight";
  private static final String HEAD = "lm_head.weight";

  @TempDir Path folder;

  @BeforeEach
  void requireTorch() {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
  }

  @Test
  void anEmbeddingIsReadFromTheHeadWhereTheFileHasOnlyThat() throws IOException {
    assertThat(loss(List.of(HEAD))).isCloseTo(golden(), within(1e-5));
  }

  @Test
  void aHeadThatIsTheEmbeddingIsTied() throws IOException {
    assertThat(loss(List.of(EMBEDDING, HEAD))).isCloseTo(golden(), within(1e-5));
  }

  private static double golden() throws IOException {
    return TinyModel.QWEN2.golden().metadata("loss");
  }

  /** The loss of a tied model whose embedding is kept under these names. */
  private double loss(List<String> names) throws IOException {
    Path source = TinyModel.QWEN2.folder();
    Safetensors weights = Safetensors.open(source.resolve("model.safetensors"));
    List<TensorData> tensors = new ArrayList<>();
    for (String name : weights.names()) {
      for (String kept : name.equals(EMBEDDING) ? names : List.of(name)) {
        tensors.add(
            TensorData.of(kept, weights.dtype(name), weights.data(name), weights.shape(name)));
      }
    }
    Safetensors.write(folder.resolve("model.safetensors"), tensors, Map.of());
    for (String file : List.of("config.json", "tokenizer.json")) {
      Files.copy(source.resolve(file), folder.resolve(file));
    }
    try (LoadedModel model = LoadedModel.open(folder, Device.CPU)) {
      TokenBatch batch = TokenBatch.of(TinyModel.QWEN2.golden().contexts());
      return model.languageModel().loss(batch, Hooks.none()).mean();
    }
  }
}
