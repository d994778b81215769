package io.sluice.model.loading;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.memory.DType;
import io.sluice.model.Demo;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.TokenBatch;
import io.sluice.model.capture.Capture;
import io.sluice.model.capture.CaptureSpec;
import io.sluice.testing.Seeds;
import io.sluice.torch.Device;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import io.sluice.weights.Safetensors;
import io.sluice.weights.TensorData;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a missing, damaged or foreign model gets: one line that names the file. */
class BadModelTest {
  @TempDir Path folder;

  @BeforeEach
  void copyModel() throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    for (String file : List.of("config.json", "model.safetensors", "tokenizer.json")) {
      Files.copy(Demo.TINY.resolve(file), folder.resolve(file));
    }
    LoadedModel.open(folder, Device.CPU).close();
  }

  @ParameterizedTest
  @CsvSource({
    "config.json, no config.json",
    "tokenizer.json, has no tokenizer",
    "model.safetensors, no weight file"
  })
  void namesWhatIsMissing(String file, String message) throws IOException {
    Files.delete(folder.resolve(file));
    assertRejected(folder, message);
  }

  @ParameterizedTest
  @CsvSource({
    "config.json, not valid JSON",
    "tokenizer.json, not a HuggingFace tokenizer",
    "model.safetensors, header"
  })
  void namesWhatIsTruncated(String file, String message) throws IOException {
    byte[] bytes = Files.readAllBytes(folder.resolve(file));
    Files.write(folder.resolve(file), Arrays.copyOf(bytes, bytes.length / 20));
    assertRejected(folder, message);
    Files.write(folder.resolve(file), new byte[0]);
    assertRejected(folder, file);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      textBlock =
          """
          "num_hidden_layers": 2       | "num_hidden_layers": 3       | has no tensor
          "num_hidden_layers": 2       | "num_hidden_layers": 0       | layers is 0
          "num_hidden_layers": 2       | "layers": 2                  | 'layers' is an unknown setting of bert
          "num_hidden_layers": 2       | "num_hidden_layers": "2"     | num_hidden_layers is "2"
          "num_hidden_layers": 2       | "num_hidden_layers": 1e99    | num_hidden_layers is
          "hidden_size": 24            | "hidden_size": 48            | has shape [22, 24], but the configuration makes it [22, 48]
          "num_attention_heads": 3     | "num_attention_heads": 5     | 5 attention heads do not divide a width of 24
          "hidden_act": "gelu"         | "hidden_act": "tanh"         | hidden_act 'tanh' is not supported; there are gelu
          "model_type": "bert"         | "model_type": "t5"           | architecture 't5' is not supported; there are bert, roberta
          "layer_norm_eps": 1e-12      | "layer_norm_eps": -1         | layer_norm_eps is -1
          """)
  void namesSettingsThatDoNotFit(String from, String to, String message) throws IOException {
    Path config = folder.resolve("config.json");
    String text = Files.readString(config);
    assertThat(text).contains(from);
    Files.writeString(config, text.replace(from, to));
    assertRejected(folder, message);
  }

  @Test
  void namesWeightsOfAnotherModel() throws IOException {
    Path weights = folder.resolve("model.safetensors");
    Safetensors.write(weights, List.of(TensorData.of("x", new float[1], 1)), Map.of());
    assertRejected(folder, "not weights of a BERT");
    String name = "embeddings.word_embeddings.weight";
    MemorySegment ids = MemorySegment.ofArray(new long[22 * 24]);
    Safetensors.write(weights, List.of(TensorData.of(name, DType.I64, ids, 22, 24)), Map.of());
    assertRejected(folder, "is int64, not floating-point");
  }

  @Test
  void namesWrongFormats() throws IOException {
    assertRejected(folder.resolve("config.json"), "not a weight file");
    assertRejected(folder.resolve("none"), "no such file or folder");
    Path text = Files.writeString(folder.resolve("model.onnx"), "this is no model at all");
    assertRejected(text, "not a valid ONNX file");
    Files.copy(folder.resolve("model.safetensors"), folder.resolve("renamed.onnx"));
    assertRejected(folder.resolve("renamed.onnx"), "ONNX");
    Path tiny = Path.of("src/test/resources/golden/weights/tiny.onnx");
    Files.copy(tiny, folder.resolve("other.onnx"));
    assertRejected(folder.resolve("other.onnx"), "BERT encoder");
    Files.delete(folder.resolve("model.safetensors"));
    Files.delete(folder.resolve("model.onnx"));
    assertRejected(folder, "2 weight files");
  }

  @Test
  void takesATokenizerThatLiesElsewhere() throws IOException {
    Path moved = Files.createDirectory(folder.resolve("elsewhere")).resolve("words.json");
    Files.move(folder.resolve("tokenizer.json"), moved);
    assertRejected(folder, "has no tokenizer beside it");
    assertThat(ModelFiles.find(folder, moved).tokenizer()).isEqualTo(moved);
  }

  @Test
  void namesATokenizerOfAnotherModel() throws IOException {
    Path tokenizer = folder.resolve("tokenizer.json");
    String json = Files.readString(tokenizer);
    assertThat(json).contains("\"whale\": 6");
    Files.writeString(tokenizer, json.replace("\"whale\": 6", "\"whale\": 606"));
    Path text = Files.writeString(folder.resolve("text.txt"), "the white whale");
    try (LoadedModel model = LoadedModel.open(folder, Device.CPU)) {
      CaptureSpec spec =
          CaptureSpec.of(List.of(text), model.transformer().hookPoints()).withContexts(8, 1);
      assertThatThrownBy(() -> Capture.plan(model, spec))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("606")
          .hasMessageContaining("22")
          .hasMessageContaining(tokenizer.toString());
    }
  }

  @Test
  void readsHalfPrecisionCheckpoints() throws IOException {
    Safetensors full = Safetensors.open(folder.resolve("model.safetensors"));
    List<TensorData> halves = new ArrayList<>();
    for (String name : full.names()) {
      float[] values = full.data(name).toArray(ValueLayout.JAVA_FLOAT);
      short[] half = new short[values.length];
      for (int i = 0; i < half.length; i++) {
        half[i] = Float.floatToFloat16(values[i]);
      }
      halves.add(
          TensorData.of("bert." + name, DType.F16, MemorySegment.ofArray(half), full.shape(name)));
    }
    Path narrow = Files.createDirectory(folder.resolve("half"));
    Files.copy(folder.resolve("config.json"), narrow.resolve("config.json"));
    Files.copy(folder.resolve("tokenizer.json"), narrow.resolve("tokenizer.json"));
    Safetensors.write(narrow.resolve("model.safetensors"), halves, Map.of());
    try (LoadedModel model = LoadedModel.open(narrow, Device.CPU)) {
      assertThat(model.name()).isEqualTo("half");
      assertThat(model.transformer().outputProjection(0).dtype()).isEqualTo(DType.F32);
    }
  }

  @Tag("slow")
  @ParameterizedTest
  @ValueSource(strings = {"tiny-bert/model.safetensors", "tiny-bert-onnx/tiny-bert.onnx"})
  void mutatedModelsAreRejectedOrRun(String file) throws IOException {
    byte[] bytes = Files.readAllBytes(Demo.GOLDEN.resolve(file));
    long seed = Seeds.seed();
    Random random = new Random(seed);
    Path damaged = folder.resolve(file.endsWith(".onnx") ? "damaged.onnx" : "model.safetensors");
    int ran = 0;
    for (int i = 0; i < Integer.getInteger("sluice.mutations", 300); i++) {
      byte[] copy = bytes.clone();
      for (int flips = 1 + random.nextInt(3); flips > 0; flips--) {
        // Half of the flips hit the first part, where the header of a safetensors file is.
        int at = random.nextInt(random.nextBoolean() ? copy.length : 5000);
        copy[at] ^= (byte) (1 << random.nextInt(8));
      }
      Files.write(damaged, copy);
      try (LoadedModel model = LoadedModel.open(damaged, Device.CPU);
          TensorScope scope = TensorScope.open()) {
        model.transformer().forward(TokenBatch.of(List.of(new int[] {2, 6, 3})), Hooks.none());
        ran++;
      } catch (IOException e) {
        assertThat(e.getMessage()).contains(folder.toString()).doesNotContain("\n");
      }
    }
    assertThat(ran).isPositive();
  }

  @Test
  void namesColumnAndRowOfNaN() throws IOException {
    Safetensors good = Safetensors.open(Demo.TINY.resolve("model.safetensors"));
    List<TensorData> tensors = new ArrayList<>();
    for (String name : good.names()) {
      float[] values = good.data(name).toArray(ValueLayout.JAVA_FLOAT);
      if (name.equals("encoder.layer.1.attention.output.dense.bias")) {
        values[5] = Float.NaN;
      }
      tensors.add(TensorData.of(name, values, good.shape(name)));
    }
    Safetensors.write(folder.resolve("model.safetensors"), tensors, Map.of());
    Path text = Files.writeString(folder.resolve("text.txt"), "the white whale");
    try (LoadedModel model = LoadedModel.open(folder, Device.CPU)) {
      CaptureSpec spec =
          CaptureSpec.of(List.of(text), List.of(HookPoint.parse("layers.1.attn_out")));
      Capture plan = Capture.plan(model, spec.withContexts(8, 1));
      assertThatThrownBy(() -> plan.run(folder.resolve("store"), done -> {}))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("layers.1.attn_out")
          .hasMessageContaining("row 0");
    }
  }

  private static void assertRejected(Path path, String message) {
    assertThatThrownBy(() -> LoadedModel.open(path, Device.CPU).close())
        .isInstanceOf(IOException.class)
        .hasMessageContaining(message)
        .message()
        .doesNotContain("\n");
  }
}
