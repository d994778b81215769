package io.sluice.model.tokens;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.model.Demo;
import io.sluice.testing.Seeds;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizerTest {
  private static final Path NOVEL = Path.of("datasets/moby-dick.txt");

  @TempDir Path folder;

  @Test
  void givesTheIdsOfHuggingFacesOwnPython() throws IOException {
    JsonNode cases =
        new ObjectMapper().readTree(Demo.GOLDEN.resolve("minilm-tokens.json").toFile());
    try (Tokenizer tokenizer = miniLm()) {
      for (JsonNode one : cases) {
        int[] expected = new ObjectMapper().convertValue(one.get("ids"), int[].class);
        assertThat(tokenizer.encode(one.get("text").asText()))
            .as(one.get("text").asText())
            .containsExactly(expected);
      }
      assertThat(tokenizer.prefix()).containsExactly(101);
      assertThat(tokenizer.suffix()).containsExactly(102);
    }
  }

  /** Texts of tokens, one after the other, read as the decoder reads all of them. */
  @Test
  void theTextsOfItsTokensMakeUpTheText() throws IOException {
    String novel = Files.readString(NOVEL).substring(20_000, 30_000);
    try (Tokenizer tokenizer = miniLm()) {
      List<String> texts = tokenizer.texts(30522);
      int[] ids = tokenizer.encode(novel);
      StringBuilder all = new StringBuilder();
      for (int id : ids) {
        all.append(texts.get(id));
      }
      assertThat(all.toString()).isEqualTo(" " + tokenizer.decode(ids));
      assertThat(texts.get(101)).isEqualTo("[CLS]");
    }
  }

  @Test
  void isOfNoUseOnceItIsClosed() throws IOException {
    Tokenizer tokenizer = miniLm();
    tokenizer.close();
    tokenizer.close();
    assertThatThrownBy(() -> tokenizer.encode("whale"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("is closed");
    assertThatThrownBy(() -> tokenizer.decode(new int[] {1}))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("is closed");
  }

  @Test
  void mayBeClosedWhileOthersEncode() throws Exception {
    String novel = Files.readString(NOVEL).substring(0, 50_000);
    Tokenizer tokenizer = miniLm();
    int[] expected = tokenizer.encode(novel);
    CountDownLatch encoding = new CountDownLatch(4);
    List<Callable<Void>> tasks =
        Collections.nCopies(
            4,
            () -> {
              try {
                while (true) {
                  assertThat(tokenizer.encode(novel)).isEqualTo(expected);
                  encoding.countDown();
                }
              } catch (IllegalStateException e) {
                assertThat(e).hasMessageContaining("is closed");
                return null;
              }
            });
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      List<Future<Void>> results = tasks.stream().map(threads::submit).toList();
      encoding.await();
      tokenizer.close();
      for (Future<Void> result : results) {
        result.get();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "{", "[]", "{}", "null", "{\"model\":{}}", "not json", "{\"a\":1}"})
  void namesFilesThatAreNoTokenizer(String content) throws IOException {
    assertRejected(Files.writeString(folder.resolve("tokenizer.json"), content));
  }

  @Test
  void namesMissingAndBinaryFiles() throws IOException {
    assertThatThrownBy(() -> Tokenizer.open(folder.resolve("none.json")))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("no such file");
    assertRejected(Files.write(folder.resolve("binary.json"), new byte[] {(byte) 0xff, 0, 1}));
  }

  @Tag("slow")
  @Test
  void damagedTokenizersAreRejectedOrWork() throws IOException {
    byte[] json = Files.readAllBytes(Demo.TINY.resolve("tokenizer.json"));
    for (int length = 0; length < json.length; length += 7) {
      assertRejected(Files.write(folder.resolve("cut.json"), Arrays.copyOf(json, length)));
    }
    long seed = Seeds.seed();
    Random random = new Random(seed);
    for (int i = 0; i < 1000; i++) {
      byte[] flipped = json.clone();
      flipped[random.nextInt(json.length)] ^= (byte) (1 << random.nextInt(8));
      Path file = Files.write(folder.resolve("flipped.json"), flipped);
      try (Tokenizer tokenizer = Tokenizer.open(file)) {
        tokenizer.encode("the white whale");
      } catch (IOException e) {
        assertThat(e.getMessage()).contains(file.toString()).doesNotContain("\n");
      }
    }
  }

  private static void assertRejected(Path file) {
    assertThatThrownBy(() -> Tokenizer.open(file).close())
        .isInstanceOf(IOException.class)
        .message()
        .contains(file.toString())
        .doesNotContain("\n");
  }

  private static Tokenizer miniLm() throws IOException {
    Path file = Demo.MINILM.resolve("all-minilm-l6-v2-tokenizer.json");
    assumeTrue(Files.exists(file), file + " is missing: the build unpacks it");
    return Tokenizer.open(file);
  }
}
