package io.sluice.model.architectures;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.model.Demo;
import io.sluice.model.causal.Architecture;
import io.sluice.model.causal.CausalConfig;
import io.sluice.model.causal.GgufForm;
import io.sluice.model.causal.GgufPairs;
import io.sluice.model.causal.GgufSettings;
import io.sluice.model.parts.KeyTable;
import io.sluice.weights.GgufFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** GGUF metadata: every key of llama.cpp's list is honoured, of no effect, or refused by name. */
class GgufKeysTest {
  private static final Path TINY = Demo.GOLDEN.resolve("gguf");

  /** A value that no key takes for what is computed anyway. */
  private static final int ODD = 7;

  @TempDir Path folder;

  static Stream<String> architectures() {
    return Architectures.builtIn().all().stream()
        .map(Architecture::gguf)
        .filter(Objects::nonNull)
        .map(GgufForm::label);
  }

  @Tag("slow")
  @ParameterizedTest
  @MethodSource("architectures")
  void refusesByNameWhatItDoesNotCompute(String name) throws IOException {
    JsonNode keys = new ObjectMapper().readTree(Demo.GOLDEN.resolve("gguf-keys.json").toFile());
    GgufFile plain = GgufFile.open(TINY.resolve(name + ".gguf"));
    KeyTable table = Architectures.builtIn().of(plain).gguf().keys();
    CausalConfig expected = read(plain);
    int refused = 0;
    for (JsonNode each : keys) {
      String key = name + "." + each.textValue();
      if (table.honoured().contains(each.textValue()) || plain.metadata().contains(key)) {
        continue;
      }
      if (table.hasNoEffect(each.textValue())) {
        assertThat(read(name, key, ODD)).usingRecursiveComparison().isEqualTo(expected);
      } else {
        assertRefused(name, key, ODD, "'" + key + "'");
        refused++;
      }
    }
    assertThat(refused).isGreaterThan(60);
  }

  @ParameterizedTest
  @MethodSource("architectures")
  void refusesAModelThatSeesBothWays(String name) {
    assertRefused(name, name + ".attention.causal", false, "'" + name + ".attention.causal'");
  }

  @Test
  void refusesFilesThatAreNoModels() {
    assertRefused("llama", "general.type", "adapter", "'general.type' is 'adapter'");
    assertRefused("llama", "adapter.lora.alpha", 16f, "adapter.lora.alpha");
    assertRefused("llama", "llama.rope.scaling.type", "yarn", "rope scaling 'yarn'");
    assertRefused("llama", "llama.rope.scaling.type", "longrope", "rope scaling 'longrope'");
    assertRefused("llama", "llama.vocab_size", 289, "llama.vocab_size is 289");
    assertRefused("gemma2", "gemma2.rope.freq_base_swa", 9f, "rope.freq_base_swa");
    assertRefused("gemma2", "gemma2.attention.sliding_window_pattern", 6, "pattern");
    assertRefused("gemma3", "gemma3.attn_logit_softcapping", 50f, "attn_logit_softcapping");
    assertRefused("olmo2", "olmo2.attention.sliding_window", 4, "sliding_window");
  }

  @Test
  void takesWhatOtherProgramsWrite() throws IOException {
    for (String key :
        List.of("general.url", "quantize.imatrix.file", "mradermacher.quantized_by")) {
      assertThat(read("llama", key, "x").layers()).isEqualTo(2);
    }
    assertThat(read("llama", "llama.rope.scaling.attn_factor", 1f).layers()).isEqualTo(2);
    assertThat(read("llama", "llama.attention.sliding_window", 64).layers()).isEqualTo(2);
    assertThat(read("qwen2", "qwen2.attention.scale", 1 / (float) Math.sqrt(8)).layers())
        .isEqualTo(2);
  }

  /** As llama.cpp has it, whose type is linear where a file names none. */
  @ParameterizedTest
  @ValueSource(strings = {"rope.scaling.factor", "rope.scale_linear"})
  void aScalingFactorWithoutATypeIsLinear(String key) throws IOException {
    GgufFile file = GgufFile.open(TINY.resolve("llama.gguf"));
    float[] plain = read(file).attention().rotary().inverseFrequencies();
    float[] scaled = read("llama", "llama." + key, 4f).attention().rotary().inverseFrequencies();
    for (int i = 0; i < plain.length; i++) {
      assertThat(scaled[i]).isEqualTo(plain[i] / 4);
    }
  }

  @Test
  void layersThatDifferAreRefused() throws IOException {
    assertThat(read("gpt2", "gpt2.attention.key_length", List.of(8, 8)).attention().headDim())
        .isEqualTo(8);
    assertRefused(
        "gpt2",
        "gpt2.attention.key_length",
        List.of(8, 16),
        "layers that differ in gpt2.attention.key_length");
  }

  private CausalConfig read(String name, String key, Object value) throws IOException {
    byte[] bytes = GgufPairs.with(TINY.resolve(name + ".gguf"), key, value);
    return read(GgufFile.open(Files.write(folder.resolve("model.gguf"), bytes)));
  }

  private static CausalConfig read(GgufFile file) throws IOException {
    return GgufSettings.read(file, Architectures.builtIn().of(file));
  }

  private void assertRefused(String name, String key, Object value, String message) {
    assertThatThrownBy(() -> read(name, key, value))
        .as(key)
        .isInstanceOf(IOException.class)
        .hasMessageContaining("model.gguf")
        .hasMessageContaining(message)
        .message()
        .doesNotContain("\n");
  }
}
