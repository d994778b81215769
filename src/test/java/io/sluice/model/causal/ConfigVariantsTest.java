package io.sluice.model.causal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.model.Demo;
import io.sluice.model.GoldenBatch;
import io.sluice.model.Hooks;
import io.sluice.model.TokenBatch;
import io.sluice.model.Transformer;
import io.sluice.model.loading.LoadedModel;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Configurations in many spellings: each computes what {@code transformers} computes with the very
 * file ({@code config_golden.py}), or is refused by the name of the key.
 */
class ConfigVariantsTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Set<String> ENCODERS =
      Set.of("tiny-bert", "tiny-roberta", "tiny-modernbert");

  @TempDir Path folder;

  static Stream<JsonNode> variants() throws IOException {
    JsonNode all = JSON.readTree(Demo.GOLDEN.resolve("config-variants.json").toFile());
    return StreamSupport.stream(all.spliterator(), false);
  }

  @Tag("slow")
  @ParameterizedTest
  @MethodSource("variants")
  void computesWhatTransformersComputesOrRefusesByName(JsonNode variant) throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    String name = variant.get("model").textValue();
    boolean encoder = ENCODERS.contains(name);
    Path golden = encoder ? Demo.GOLDEN : Demo.GOLDEN.resolve("causal");
    copy(golden.resolve(name), variant);
    if (!variant.get("refused").isNull()) {
      assertThatThrownBy(() -> LoadedModel.open(folder, Device.CPU).close())
          .isInstanceOf(IOException.class)
          .hasMessageContaining(variant.get("refused").textValue())
          .hasMessageContaining("config.json")
          .message()
          .doesNotContain("\n");
      return;
    }
    List<int[]> contexts =
        new GoldenBatch(Safetensors.open(golden.resolve(name + ".safetensors"))).contexts();
    try (LoadedModel model = LoadedModel.open(folder, Device.CPU)) {
      double[] computed =
          encoder
              ? meanHidden(model.transformer(), contexts)
              : new double[] {
                model.languageModel().loss(TokenBatch.of(contexts), Hooks.none()).mean()
              };
      assertThat(computed).hasSameSizeAs(variant.get("expected"));
      for (int i = 0; i < computed.length; i++) {
        assertThat(computed[i])
            .isCloseTo(variant.get("expected").get(i).doubleValue(), within(2e-5));
      }
    }
  }

  private void copy(Path model, JsonNode variant) throws IOException {
    try (Stream<Path> files = Files.list(model)) {
      for (Path file : files.toList()) {
        Files.copy(file, folder.resolve(file.getFileName()));
      }
    }
    Path file = folder.resolve("config.json");
    ObjectNode config = (ObjectNode) JSON.readTree(file.toFile());
    variant.get("drop").forEach(key -> config.remove(key.textValue()));
    config.setAll((ObjectNode) variant.get("set"));
    JSON.writeValue(file.toFile(), config);
  }

  private static double[] meanHidden(Transformer model, List<int[]> contexts) {
    int width = model.shape().dModel();
    double[] mean = new double[width];
    int tokens = 0;
    try (TensorScope scope = TensorScope.open()) {
      for (int[] context : contexts) {
        Tensor hidden = model.forward(TokenBatch.of(List.of(context)), Hooks.none());
        float[] values = hidden.toFloats();
        for (int i = 0; i < values.length; i++) {
          mean[i % width] += values[i];
        }
        tokens += context.length;
      }
    }
    for (int i = 0; i < width; i++) {
      mean[i] /= tokens;
    }
    return mean;
  }
}
