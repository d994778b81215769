package io.sluice.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.testing.Python;
import io.sluice.testing.Seeds;
import io.sluice.tokenizer.description.TokenizerException;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Supported parts, put together at random, give the ids that HuggingFace's package gives. */
@Tag("python")
class TokenizerPartsTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden/tokenizers");
  private static final int TOKENIZERS = Integer.getInteger("sluice.tokenizers", 60);

  private final ObjectMapper json =
      new ObjectMapper().enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS);

  @Tag("slow")
  @Test
  void giveTheIdsOfHuggingFacesPackage() throws IOException {
    long seed = Seeds.seed() & Long.MAX_VALUE;
    JsonNode all = json.readTree(Python.run("tokenizer_parts.py", GOLDEN, seed, TOKENIZERS));
    int compared = 0;
    for (JsonNode one : all.get("tokenizers")) {
      JsonNode description = one.get("description");
      TextTokenizer tokenizer;
      try {
        tokenizer = TextTokenizer.read(description);
      } catch (TokenizerException e) {
        // Where the package itself has no one answer, or depends on how parts are put together.
        assertThat(e.getMessage()).containsAnyOf("prepend_scheme is first", "are the same once");
        continue;
      }
      for (int i = 0; i < all.get("texts").size(); i++) {
        String text = all.get("texts").get(i).textValue();
        int[] ids = json.convertValue(one.get("ids").get(i), int[].class);
        try {
          assertThat(tokenizer.encode(text))
              .as("%s %s", described(description), text)
              .isEqualTo(ids);
        } catch (TokenizerException e) {
          throw new AssertionError(described(description), e);
        }
      }
      compared++;
    }
    assertThat(compared).isGreaterThan(TOKENIZERS * 8 / 10);
  }

  private static String described(JsonNode root) {
    return root.get("normalizer")
        + " "
        + root.get("pre_tokenizer")
        + " "
        + root.get("added_tokens");
  }
}
