package io.sluice.model.causal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.memory.DType;
import io.sluice.model.ComputeType;
import io.sluice.model.Demo;
import io.sluice.model.GoldenBatch;
import io.sluice.model.HookPatterns;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.LanguageModel;
import io.sluice.model.TokenBatch;
import io.sluice.model.loading.LoadedModel;
import io.sluice.model.loading.ModelFiles;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Models in GGUF files: logits and hook points against transformers, and what bad files get. */
@Tag("cuda")
class GgufModelTest {
  private static final Path TINY = Demo.GOLDEN.resolve("gguf");
  private static final Device DEVICE =
      Device.parse(System.getProperty("sluice.test.device", "cpu"));

  @TempDir Path folder;

  @BeforeEach
  void requireLibTorch() {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama",
        "qwen2",
        "qwen3",
        "gemma",
        "gemma2",
        "gemma3",
        "olmo2",
        "starcoder2",
        "gpt2",
        "gptneox"
      })
  void agreesWithTransformers(String name) throws IOException {
    GoldenBatch golden = new GoldenBatch(Safetensors.open(TINY.resolve(name + ".safetensors")));
    Map<HookPoint, float[]> seen = new HashMap<>();
    try (LoadedModel model = LoadedModel.open(TINY.resolve(name + ".gguf"), DEVICE);
        TensorScope scope = TensorScope.open()) {
      assertThat(model.name()).isEqualTo(name);
      LanguageModel transformer = model.languageModel();
      assertThat(transformer.shape().vocabulary()).isEqualTo(288);
      Hooks hooks =
          Hooks.none()
              .observe(
                  transformer.hookPoints(),
                  (point, activation) -> seen.put(point, activation.toFloats()));
      Tensor hidden = transformer.forward(TokenBatch.of(golden.contexts()), hooks);
      for (HookPoint point : HookPatterns.select("layers.*.*", transformer.hookPoints())) {
        golden.assertClose(point.toString(), seen.get(point), transformer.width(point), 1e-4);
      }
      golden.assertClose("logits", transformer.logits(hidden).toFloats(), 288, 1e-4);
    }
  }

  @Test
  void runsInBfloat16() throws IOException {
    ModelFiles files = ModelFiles.find(TINY.resolve("llama.gguf"));
    assertThat(files.tokenizer()).isNull();
    try (LoadedModel model = LoadedModel.open(files, DEVICE, ComputeType.BFLOAT16)) {
      assertThat(model.transformer().outputProjection(0).dtype()).isEqualTo(DType.BF16);
    }
  }

  @Test
  void bringsItsTokenizer() throws IOException {
    try (LoadedModel model = LoadedModel.open(TINY.resolve("llama.gguf"), DEVICE)) {
      assertThat(model.tokenizer().prefix()).containsExactly(0);
      assertThat(model.tokenizer().encode("the whale")).hasSizeBetween(3, 9);
      assertThat(model.tokenizer().encode("a</s>")).endsWith(1);
    }
    try (LoadedModel model = LoadedModel.open(TINY.resolve("gpt2.gguf"), DEVICE)) {
      assertThat(model.tokenizer().prefix()).isEmpty();
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          general.architecture | general.architectura | has no metadata 'general.architecture'
          llama.block_count    | llama.block_countt   | 'llama.block_countt' is an unknown setting of llama
          tokenizer.ggml.tokens| tokenizer.ggml.tokenz| has no metadata 'tokenizer.ggml.tokens'
          blk.1.attn_k.weight  | blk.1.attn_x.weight  | has no tensor 'model.layers.1.self_attn.k_proj.weight'
          token_embd.weight    | token_embx.weight    | no token embedding
          gpt-2                | gpt-3                | splits texts in the way 'gpt-3', there are gpt-2
          """)
  void namesWhatIsMissing(String from, String to, String message) throws IOException {
    assertRejected(replaced(from, to), message);
  }

  /** llama.cpp's types have numbers; 23 is IQ4_XS. */
  @Test
  void namesATypeThatItDoesNotReadOnlyWhereItIsNeeded() throws IOException {
    Path file = TINY.resolve("llama.gguf");
    assertRejected(
        withType(Files.readAllBytes(file), "blk.1.attn_k.weight", 23),
        "tensor 'model.layers.1.self_attn.k_proj.weight' is of type 'IQ4_XS'");
    // The head is not tied because its own weight cannot be read.
    assertRejected(
        withType(Files.readAllBytes(file), "output.weight", 23), "'lm_head.weight' is of type");
    byte[] unused = withType(GgufPairs.withTensor(file, "mask.weight"), "mask.weight", 23);
    Path ignored = Files.write(folder.resolve("unused.gguf"), unused);
    LoadedModel.open(ignored, Device.CPU).close();
  }

  /** llama.cpp adds biases and applies scales wherever a file has them. */
  @ParameterizedTest
  @ValueSource(strings = {"blk.1.attn_q.scale", "blk.1.attn_v.bias", "output.bias"})
  void refusesWhatItWouldLeaveOut(String tensor) throws IOException {
    byte[] bytes = GgufPairs.withTensor(TINY.resolve("llama.gguf"), tensor);
    assertRejected(bytes, "'" + tensor + "'");
  }

  private static byte[] withType(byte[] bytes, String tensor, int type) {
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    int at = text.indexOf("\0" + tensor) + 1 + tensor.length();
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    buffer.putInt(at + Integer.BYTES + buffer.getInt(at) * Long.BYTES, type);
    return bytes;
  }

  @Test
  void namesArchitecturesThatAreNotSupported() throws IOException {
    byte[] bytes = Files.readAllBytes(Path.of("src/test/resources/golden/gguf/types.gguf"));
    assertRejected(
        bytes, "architecture 'none' is not supported in GGUF files; there are gemma, gemma2");
  }

  private byte[] replaced(String from, String to) throws IOException {
    String text = Files.readString(TINY.resolve("llama.gguf"), StandardCharsets.ISO_8859_1);
    assertThat(text).contains(from);
    // A changed length is changed in the eight bytes before the text, too.
    int at = text.indexOf(from);
    String length = String.valueOf((char) to.length());
    return (text.substring(0, at - 8)
            + length
            + text.substring(at - 7, at)
            + to
            + text.substring(at + from.length()))
        .getBytes(StandardCharsets.ISO_8859_1);
  }

  private void assertRejected(byte[] content, String message) throws IOException {
    Path file = Files.write(folder.resolve("bad.gguf"), content);
    assertThatThrownBy(() -> LoadedModel.open(file, Device.CPU).close())
        .isInstanceOf(IOException.class)
        .message()
        .contains(file.toString())
        .contains(message)
        .doesNotContain("\n");
  }
}
