package io.sluice.model.tokens;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.testing.Python;
import io.sluice.testing.Seeds;
import io.sluice.testing.SmolLm;
import io.sluice.weights.GgufFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tokenizers that GGUF files hold give the ids of HuggingFace's own code. */
@Tag("python")
@Tag("slow")
class GgufTokenizerTest {
  private static final Path NOVEL = Path.of("datasets/moby-dick.txt");
  private static final Path LAYOUTS = Path.of("src/test/resources/golden/tokenizers/layouts.json");
  private static final List<String> BYTE_LEVEL =
      List.of("gpt-2", "olmo", "smollm", "qwen2", "llama-bpe", "tekken");

  @TempDir Path folder;

  @Test
  void givesTheIdsOfTransformers() throws IOException {
    long seed = Seeds.seed() & Long.MAX_VALUE;
    Python.run("gguf_tokenizers.py", folder, NOVEL, seed, LAYOUTS);
    for (String name : BYTE_LEVEL) {
      assertSameIds(name);
    }
    assertSameIds("llama-spm");
    assertSameIds("gemma");
  }

  @Test
  void givesTheIdsOfTransformersForARealModel() throws IOException {
    Path model = SmolLm.require();
    Path text = Files.writeString(folder.resolve("text.txt"), Files.readString(NOVEL));
    int[] expected =
        new ObjectMapper().readValue(Python.run("gguf_real_tokens.py", model, text), int[].class);
    GgufFile file = GgufFile.open(model);
    int vocabulary = (int) file.shape("token_embd.weight")[0];
    try (Tokenizer tokenizer = Tokenizer.of(file, vocabulary)) {
      assertThat(tokenizer.encode(Files.readString(text))).containsExactly(expected);
      assertThat(tokenizer.prefix()).isEmpty();
    }
  }

  @Test
  void addsTheTokensThatTextsBeginAndEndWith() throws IOException {
    Python.run("gguf_tokenizers.py", folder, NOVEL);
    assertThat(read("llama-spm").prefix()).containsExactly(1);
    assertThat(read("llama-bpe").prefix()).containsExactly(0);
    assertThat(read("gpt-2").prefix()).isEmpty();
    assertThat(read("gpt-2").suffix()).isEmpty();
  }

  @Test
  void namesTokenizersThatDoNotFitOrAreNotKnown() throws IOException {
    Python.run("gguf_tokenizers.py", folder, NOVEL);
    Path file = folder.resolve("gpt-2.gguf");
    assertThatThrownBy(() -> GgufTokenizer.read(GgufFile.open(file), 999))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("has 1000 tokens, but the model's vocabulary has 999");
    String bytes = Files.readString(file, StandardCharsets.ISO_8859_1);
    Path other = folder.resolve("other.gguf");
    Files.writeString(
        other, bytes.replaceFirst("(?<=\4\0{7})gpt2", "bert"), StandardCharsets.ISO_8859_1);
    assertThatThrownBy(() -> GgufTokenizer.read(GgufFile.open(other), 1000))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("of the kind 'bert', there are gpt2 and llama");
  }

  private TokenizerFile read(String name) throws IOException {
    return GgufTokenizer.read(GgufFile.open(folder.resolve(name + ".gguf")), 2000);
  }

  private void assertSameIds(String name) throws IOException {
    JsonNode cases = new ObjectMapper().readTree(folder.resolve(name + ".json").toFile());
    try (Tokenizer tokenizer = Tokenizer.of(folder.resolve(name + ".gguf"), read(name))) {
      for (JsonNode one : cases) {
        String text = one.get("text").asText();
        int[] expected = new ObjectMapper().convertValue(one.get("ids"), int[].class);
        assertThat(tokenizer.encode(text))
            .as("%s: %s", name, text.length() > 200 ? text.substring(0, 200) : text)
            .isEqualTo(expected);
      }
    }
  }
}
