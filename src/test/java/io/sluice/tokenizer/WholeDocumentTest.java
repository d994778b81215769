package io.sluice.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.testing.Python;
import io.sluice.testing.Seeds;
import io.sluice.tokenizer.description.TokenizerException;
import io.sluice.tokenizer.model.Ids;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Documents of 200,000 characters in ten scripts and layouts have the ids that HuggingFace's own
 * package gives them, through tokenizers of the kinds that released models have, and ids become its
 * texts again. {@code tokenizer_golden.py} made the tokenizers and the hashes.
 */
@Tag("slow")
class WholeDocumentTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden/tokenizers");
  private static final long GOLDEN_SEED = 20240229;
  private static final int LENGTH = 200_000;
  private static final int DECODED = 5000;

  private final ObjectMapper json = new ObjectMapper();

  @Test
  void givesTheIdsOfHuggingFacesPackage() throws IOException {
    assertHashes(Files.readString(GOLDEN.resolve("ids.txt")), GOLDEN_SEED);
  }

  @Tag("python")
  @Test
  void givesTheIdsOfHuggingFacesPackageForDocumentsThatAreNew() throws IOException {
    long seed = Seeds.seed() & Long.MAX_VALUE;
    assertHashes(Python.run("tokenizer_golden.py", "ids", GOLDEN, seed), seed);
  }

  @Test
  void partsHaveTheIdsOfTheWhole() throws IOException, TokenizerException {
    long seed = Seeds.seed() & Long.MAX_VALUE;
    JsonNode layouts = json.readTree(GOLDEN.resolve("layouts.json").toFile());
    String document = document(layouts.get("english"), seed);
    int tried = 0;
    for (String name : List.of("gpt2", "llama3", "llama2", "bert-uncased", "bert-cased", "xlm-r")) {
      TextTokenizer tokenizer = read(name);
      Ids ids = new Ids();
      int start = 0;
      for (int end = 500; end < document.length(); end += 500) {
        int cut = tokenizer.lastCut(document.substring(start, end));
        if (cut > 0) {
          ids.add(tokenizer.encode(document.substring(start, start + cut), start > 0));
          start += cut;
          tried++;
        }
      }
      ids.add(tokenizer.encode(document.substring(start), start > 0));
      assertThat(ids.toArray()).as(name).containsExactly(tokenizer.encode(document));
    }
    assertThat(tried).isGreaterThan(1000);
  }

  @Test
  void isCutOnlyWhereNoStepLooksAcross() throws TokenizerException {
    String text = "a whale, a\u00a0whale  a\nwhale white whale's";
    assertThat(read("gpt2").lastCut(text)).isEqualTo(text.indexOf(" whale's"));
    assertThat(read("gpt2").lastCut("a  whale a")).isEqualTo(8);
    assertThat(read("gpt2").lastCut("我们 在 海上")).isEqualTo(-1);
    assertThat(read("gpt2").lastCut("white ")).isEqualTo(-1);
    // A normaliser that strips or joins spaces, a token that takes the spaces after it.
    assertThat(read("albert").lastCut(text)).isEqualTo(-1);
    assertThat(read("first").lastCut(text)).isEqualTo(-1);
  }

  private void assertHashes(String expected, long seed) throws IOException {
    JsonNode layouts = json.readTree(GOLDEN.resolve("layouts.json").toFile());
    Map<String, String> documents = new HashMap<>();
    Map<String, TextTokenizer> tokenizers = new HashMap<>();
    StringBuilder actual = new StringBuilder();
    for (String line : expected.split("\n")) {
      String[] words = line.split(" ");
      String document =
          documents.computeIfAbsent(words[1], name -> document(layouts.path(name), seed));
      TextTokenizer tokenizer = tokenizers.computeIfAbsent(words[0], WholeDocumentTest::read);
      try {
        int[] ids = tokenizer.encode(document);
        String text = tokenizer.decode(Arrays.copyOf(ids, Math.min(ids.length, DECODED)));
        actual.append(
            "%s %s %d %s %s\n"
                .formatted(
                    words[0],
                    words[1],
                    ids.length,
                    hash(bytes(ids)).substring(0, 32),
                    hash(text.getBytes(StandardCharsets.UTF_8)).substring(0, 16)));
      } catch (TokenizerException e) {
        throw new AssertionError(line, e);
      }
    }
    assertThat(actual.toString().split("\n")).hasSizeGreaterThan(20);
    assertThat(actual.toString()).isEqualTo(expected);
  }

  private static TextTokenizer read(String name) {
    try {
      return TextTokenizer.read(
          new ObjectMapper()
              .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
              .readTree(GOLDEN.resolve(name + ".json").toFile()));
    } catch (IOException | TokenizerException e) {
      throw new AssertionError(name, e);
    }
  }

  /** The document of a layout and a seed, as {@code tokenizer_golden.py} makes it. */
  static String document(JsonNode layout, long seed) {
    JsonNode words = layout.get("words");
    JsonNode letters = layout.get("letters");
    JsonNode gaps = layout.get("gaps");
    Picks picks = new Picks(seed);
    StringBuilder text = new StringBuilder();
    int length = 0;
    while (length < LENGTH) {
      StringBuilder part = new StringBuilder();
      if (picks.below(2) == 1) {
        part.append(words.get(picks.below(words.size())).textValue());
      } else {
        for (int left = 1 + picks.below(9); left > 0; left--) {
          part.append(letters.get(picks.below(letters.size())).textValue());
        }
      }
      part.append(gaps.get(picks.below(gaps.size())).textValue());
      length += part.codePointCount(0, part.length());
      text.append(part);
    }
    return text.toString();
  }

  /** Knuth's constants for 64 bits, the upper 31 used. */
  private static final class Picks {
    private long state;

    Picks(long seed) {
      state = seed;
    }

    int below(int n) {
      state = state * 6364136223846793005L + 1442695040888963407L;
      return (int) ((state >>> 33) % n);
    }
  }

  private static byte[] bytes(int[] ids) {
    ByteBuffer bytes = ByteBuffer.allocate(ids.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asIntBuffer().put(ids);
    return bytes.array();
  }

  private static String hash(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }
}
