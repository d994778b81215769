package io.sluice.model.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.model.Decoding;
import io.sluice.model.Demo;
import io.sluice.model.Hooks;
import io.sluice.model.LanguageModel;
import io.sluice.model.TinyModel;
import io.sluice.model.TokenBatch;
import io.sluice.model.cpu.LayerBackend;
import io.sluice.model.loading.LoadedModel;
import io.sluice.model.parts.ConfigFile;
import io.sluice.model.tokens.EndOfText;
import io.sluice.testing.Python;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Reading a text in pieces gives what reading it whole gives, and generating ends where it does.
 */
@Tag("model")
class GenerationTest {
  private static final int[] PROMPT = {0, 3, 4, 5};
  private static final int TOKENS = 40;

  @TempDir Path folder;
  private static int threads;

  /** These models are too small to share between threads. */
  @BeforeAll
  static void oneThread() {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    System.setProperty(LayerBackend.PROPERTY, "vector");
    threads = Torch.threads();
    Torch.threads(1);
  }

  @AfterAll
  static void allThreads() {
    System.clearProperty(LayerBackend.PROPERTY);
    if (threads > 0) {
      Torch.threads(threads);
    }
  }

  @ParameterizedTest
  @EnumSource
  void aTextInPiecesHasTheLogitsOfTheWhole(TinyModel tiny) throws IOException {
    int[] text = IntStream.range(0, 60).map(i -> i * i % 47).toArray();
    try (LoadedModel model = tiny.open();
        TensorScope scope = TensorScope.open()) {
      LanguageModel transformer = model.languageModel();
      Tensor hidden = transformer.forward(TokenBatch.of(List.of(text)), Hooks.none());
      float[] whole = transformer.logits(hidden).toFloats();
      int vocabulary = transformer.shape().vocabulary();
      try (Decoding decoding = transformer.decode()) {
        for (int piece : new int[] {5, 1, 1, 7, 1, 2, 1, 30, 1, 1, 10}) {
          int end = decoding.length() + piece;
          float[] logits =
              decoding.read(Arrays.copyOfRange(text, decoding.length(), end)).toFloats();
          assertThat(decoding.length()).isEqualTo(end);
          assertThat(logits).hasSize(vocabulary);
          for (int id = 0; id < vocabulary; id++) {
            float expected = whole[(end - 1) * vocabulary + id];
            assertThat(logits[id]).as("after %d tokens", end).isCloseTo(expected, within(1e-4f));
          }
        }
        assertThat(decoding.length()).isEqualTo(60);
        assertThatIllegalArgumentException()
            .isThrownBy(() -> decoding.read(1, 2, 3, 4, 5))
            .withMessageContaining("at most 64");
        assertThatIllegalArgumentException()
            .isThrownBy(() -> decoding.read(48))
            .withMessageContaining("token id 48");
        assertThat(decoding.length()).isEqualTo(60);
      }
    }
  }

  @Tag("python")
  @Test
  void generatesWhatTransformersGenerates() throws IOException {
    Python.require();
    Random random = new Random(5);
    float[] logits = new float[48];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = (float) (2 * random.nextGaussian());
    }
    ObjectMapper json = new ObjectMapper();
    Path file = folder.resolve("logits.json");
    json.writeValue(file.toFile(), logits);
    Object[] arguments =
        Stream.concat(Stream.of(TOKENS, file), Stream.of(TinyModel.values()).map(TinyModel::folder))
            .toArray();
    JsonNode expected = json.readTree(Python.run("generate.py", arguments));
    int stopped = 0;
    for (TinyModel tiny : TinyModel.values()) {
      try (LoadedModel model = tiny.open()) {
        assertThat(model.endOfText()).containsExactly(1);
        List<Integer> told = new ArrayList<>();
        int[] text =
            Generation.greedy(TOKENS)
                .run(model.languageModel(), PROMPT, model.endOfText(), told::add);
        JsonNode same = expected.path("greedy").path(tiny.folder().getFileName().toString());
        assertThat(text).as(tiny.name()).isEqualTo(json.treeToValue(same, int[].class));
        assertThat(told).hasSize(text.length - PROMPT.length);
        stopped += text[text.length - 1] == 1 ? 1 : 0;
        // Hooks that only look change nothing.
        int[] hooked =
            Generation.greedy(TOKENS)
                .run(model.languageModel(), PROMPT, model.endOfText(), Hooks.none(), id -> {});
        assertThat(hooked).as(tiny.name()).isEqualTo(text);
      }
    }
    System.out.println("texts that ended by themselves: " + stopped);
    for (JsonNode each : expected.path("shares")) {
      Generation generation =
          new Generation(
              1,
              each.path("temperature").asDouble(),
              each.path("topK").asInt(),
              each.path("topP").asDouble(),
              0);
      double[] shares = json.treeToValue(each.path("of"), double[].class);
      assertThat(generation.shares(logits))
          .as("%s", generation)
          .containsExactly(shares, within(1e-6));
    }
  }

  @Test
  void stopsAtTheEndOfTheText() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      LanguageModel transformer = model.languageModel();
      int[] on = Generation.greedy(10).run(transformer, PROMPT, Set.of(), id -> {});
      int[] stopped = Generation.greedy(10).run(transformer, PROMPT, Set.of(on[6]), id -> {});
      int first = IntStream.range(4, 7).filter(i -> on[i] == on[6]).findFirst().orElseThrow();
      assertThat(stopped).containsExactly(Arrays.copyOf(on, first + 1));
      // What the prompt ends with does not end the text.
      int[] after = Generation.greedy(3).run(transformer, PROMPT, Set.of(PROMPT[3]), id -> {});
      assertThat(after).hasSizeGreaterThan(PROMPT.length);
    }
  }

  @Test
  void drawsEachTokenAsOftenAsItsShareSays() {
    float[] logits = {1, -3, 2, 0.5f, 2, Float.NEGATIVE_INFINITY, 0};
    Generation generation = new Generation(1, 0.8, 5, 0.95, 0);
    double[] shares = generation.shares(logits);
    int draws = 20_000;
    int[] drawn = new int[shares.length];
    Random random = new Random(3);
    for (int draw = 0; draw < draws; draw++) {
      drawn[generation.draw(logits, random)]++;
    }
    assertThat(drawn).contains(0);
    for (int id = 0; id < shares.length; id++) {
      double error = Math.sqrt(shares[id] * (1 - shares[id]) / draws);
      assertThat((double) drawn[id] / draws).isCloseTo(shares[id], within(5 * error + 1e-12));
    }
  }

  @Test
  void readsTheEndOfTextFromEitherFile() throws IOException {
    Path config = folder.resolve("config.json");
    Files.writeString(config, "{\"eos_token_id\": 7}");
    assertThat(EndOfText.of(ConfigFile.read(config))).containsExactly(7);
    Path generation = folder.resolve("generation_config.json");
    Files.writeString(generation, "{\"eos_token_id\": [128001, 128009]}");
    assertThat(EndOfText.of(ConfigFile.read(config))).containsExactly(128001, 128009);
    Files.writeString(generation, "{\"eos_token_id\": null}");
    assertThat(EndOfText.of(ConfigFile.read(config))).containsExactly(7);
    Files.writeString(generation, "{\"eos_token_id\": \"</s>\"}");
    assertThatThrownBy(() -> EndOfText.of(ConfigFile.read(config)))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(generation.toString())
        .hasMessageContaining("eos_token_id");
    Files.writeString(config, "{}");
    Files.delete(generation);
    assertThat(EndOfText.of(ConfigFile.read(config))).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama.gguf", "gpt2.gguf"})
  void readsTheEndOfTextFromGguf(String name) throws IOException {
    try (LoadedModel model =
        LoadedModel.open(Demo.GOLDEN.resolve("gguf").resolve(name), Device.CPU)) {
      assertThat(model.endOfText()).containsExactly(1);
    }
  }

  @Test
  void refusesNumbersThatCannotBeMeant() {
    for (double topP : new double[] {0, -0.1, 1.1, Double.NaN}) {
      assertThatIllegalArgumentException().isThrownBy(() -> new Generation(1, 1, 0, topP, 0));
    }
    assertThatIllegalArgumentException().isThrownBy(() -> new Generation(0, 1, 0, 1, 0));
    assertThatIllegalArgumentException().isThrownBy(() -> new Generation(1, -1, 0, 1, 0));
    assertThatIllegalArgumentException().isThrownBy(() -> new Generation(1, 1, -1, 1, 0));
  }
}
