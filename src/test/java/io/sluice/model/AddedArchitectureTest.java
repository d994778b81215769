package io.sluice.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.model.architectures.Architectures;
import io.sluice.model.capture.Generation;
import io.sluice.model.cpu.LayerBackend;
import io.sluice.model.loading.LoadedModel;
import io.sluice.model.loading.ModelFiles;
import io.sluice.model.parts.ConfigFile;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * An application adds an architecture ({@link Falcon}) as {@code docs/extending.md} says, and its
 * checkpoints compute what transformers computes.
 */
class AddedArchitectureTest {
  private static final Path CAUSAL = Demo.GOLDEN.resolve("causal");
  private static final Path TINY = CAUSAL.resolve("tiny-falcon");
  private static final Architectures ARCHITECTURES = Architectures.builtIn().with(new Falcon());

  @TempDir Path folder;

  @AfterEach
  void useWhatIsFaster() {
    System.clearProperty(LayerBackend.PROPERTY);
  }

  private static LoadedModel open(Path path) throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    return LoadedModel.open(ModelFiles.find(path), Device.CPU, ComputeType.FLOAT32, ARCHITECTURES);
  }

  @ParameterizedTest
  @ValueSource(strings = {"vector", "blas", "libtorch"})
  void agreesWithTransformers(String layers) throws IOException {
    System.setProperty(LayerBackend.PROPERTY, layers);
    GoldenBatch golden =
        new GoldenBatch(Safetensors.open(CAUSAL.resolve("tiny-falcon.safetensors")));
    List<GoldenBatch> files =
        List.of(
            golden,
            new GoldenBatch(Safetensors.open(CAUSAL.resolve("tiny-falcon-points.safetensors"))),
            new GoldenBatch(Safetensors.open(CAUSAL.resolve("tiny-falcon-heads.safetensors"))));
    Map<HookPoint, float[]> seen = new HashMap<>();
    try (LoadedModel model = open(TINY);
        TensorScope scope = TensorScope.open()) {
      LanguageModel transformer = model.languageModel();
      assertThat(transformer.shape()).isEqualTo(new ModelShape("falcon", 3, 24, 4, 6, 28, 48, 64));
      Hooks hooks =
          Hooks.none()
              .observe(
                  transformer.hookPoints(),
                  (point, activation) -> seen.put(point, activation.toFloats()));
      TokenBatch batch = TokenBatch.of(golden.contexts());
      Tensor hidden = transformer.forward(batch, hooks);
      golden.assertClose("logits", transformer.logits(hidden).toFloats(), 48, 1e-4);
      assertThat(seen.keySet()).containsExactlyInAnyOrderElementsOf(transformer.hookPoints());
      for (HookPoint point : seen.keySet()) {
        files.stream()
            .filter(file -> file.has(point.toString()))
            .findFirst()
            .orElseThrow()
            .assertClose(point.toString(), seen.get(point), transformer.width(point), 1e-4);
      }
      GoldenBatch.assertSameAlone(transformer, batch, seen);
      assertThat(transformer.loss(batch, Hooks.none()).mean())
          .isCloseTo(golden.metadata("loss"), within(1e-5));
      int[] greedy = golden.greedy();
      int[] text =
          Generation.greedy(greedy.length - 4)
              .run(transformer, Arrays.copyOf(greedy, 4), Set.of(), token -> {});
      assertThat(text).containsExactly(greedy);
    }
  }

  @Test
  void isUnknownToALoaderThatItWasNotAddedTo() {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    assertThatThrownBy(() -> LoadedModel.open(TINY, Device.CPU))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("'falcon'")
        .hasMessageContaining(Architectures.builtIn().labels());
    assertThat(ARCHITECTURES.labels()).endsWith(", falcon");
  }

  @Test
  void readsEveryKeyThatItHonours() throws IOException {
    ConfigFile file = ConfigFile.read(TINY.resolve("config.json"));
    new Falcon().config(file);
    assertThat(file.read())
        .containsAll(
            new Falcon()
                .configKeys().honoured().stream()
                    .filter(key -> !key.equals("eos_token_id"))
                    .toList());
  }

  @ParameterizedTest
  @ValueSource(strings = {"alibi", "bias", "new_decoder_architecture"})
  void settingsThatItDoesNotComputeAreRefusedByName(String key) throws IOException {
    try (Stream<Path> files = Files.list(TINY)) {
      for (Path file : files.toList()) {
        Files.copy(file, folder.resolve(file.getFileName()));
      }
    }
    ObjectMapper json = new ObjectMapper();
    Path file = folder.resolve("config.json");
    ObjectNode config = (ObjectNode) json.readTree(file.toFile());
    json.writeValue(file.toFile(), config.put(key, true));
    assertThatThrownBy(() -> open(folder).close())
        .isInstanceOf(IOException.class)
        .hasMessageContaining("'" + key + "' is 'true'");
  }

  @Test
  void aNameIsTakenOnce() {
    assertThatThrownBy(() -> ARCHITECTURES.with(new Falcon()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("falcon");
  }
}
