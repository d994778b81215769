package io.sluice.model.capture;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.model.tokens.Context;
import io.sluice.model.tokens.Tokenizer;
import io.sluice.text.TextForm;
import io.sluice.text.TextReader;
import io.sluice.text.TextSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The tokens of a document's contexts are those of the whole document, however it was read. */
@Tag("slow")
class ContextReaderTest {
  private static final Path TOKENIZERS = Path.of("src/test/resources/golden/tokenizers");
  private static final int CONTEXT = 1000;

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({"gpt2", "llama2", "xlm-r", "first", "bert-uncased"})
  void givesTheTokensOfTheWholeDocument(String name) throws IOException {
    // Longer than what is read at once: no spaces, one word a line, no-break spaces, spaces.
    for (String unit : List.of("我们在海上看见白鲸", "white\n", "baleine\u00a0blanche", "The whale's. ")) {
      String text = unit.repeat(150_000 / unit.length());
      Path plain = Files.writeString(folder.resolve("text.txt"), text);
      Path lines =
          Files.writeString(
              folder.resolve("text.jsonl"),
              new ObjectMapper().writeValueAsString(Map.of("text", text)) + "\n");
      try (Tokenizer tokenizer = Tokenizer.open(TOKENIZERS.resolve(name + ".json"))) {
        int[] whole = tokenizer.encode(text);
        assertThat(tokens(tokenizer, plain)).as("%s: %s", name, unit).isEqualTo(whole);
        assertThat(tokens(tokenizer, lines)).as("%s: %s", name, unit).isEqualTo(whole);
      }
    }
  }

  @Test
  void cutsALongDocumentWhereNothingChanges() throws IOException {
    String text = "The whale's white, and 1851 waves. ".repeat(ContextReader.PART / 15);
    Path file = Files.writeString(folder.resolve("long.txt"), text);
    for (String name : List.of("gpt2", "llama2", "albert")) {
      try (Tokenizer tokenizer = Tokenizer.open(TOKENIZERS.resolve(name + ".json"))) {
        assertThat(tokens(tokenizer, file)).as(name).isEqualTo(tokenizer.encode(text));
      }
    }
  }

  private static int[] tokens(Tokenizer tokenizer, Path file) throws IOException {
    IntStream.Builder tokens = IntStream.builder();
    try (ContextReader contexts =
        new ContextReader(
            tokenizer,
            1 << 20,
            TextReader.open(TextSpec.of(List.of(file))),
            TextForm.TEXT,
            null,
            "text",
            CONTEXT,
            CONTEXT,
            Long.MAX_VALUE)) {
      for (Context next = contexts.next(); next != null; next = contexts.next()) {
        Arrays.stream(next.tokens()).forEach(tokens);
      }
    }
    return tokens.build().toArray();
  }
}
