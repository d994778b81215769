package io.sluice.model.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.model.Demo;
import io.sluice.model.GoldenBatch;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.TinyModel;
import io.sluice.model.TokenBatch;
import io.sluice.model.TokenLoss;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.ActivationStore;
import io.sluice.store.files.Column;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Contexts that begin with a token that the model's tokenizer leaves out. */
@Tag("model")
class BeginningOfTextTest {
  private static final String TEXT = "the whale white sea of a . , call me ishmael";

  @TempDir Path folder;

  /** bos_golden.py puts the token before the same contexts in transformers. */
  @Test
  void computesWhatTransformersComputes() throws IOException {
    Path text = Files.writeString(folder.resolve("text.txt"), TEXT);
    GoldenBatch golden =
        new GoldenBatch(
            Safetensors.open(Demo.GOLDEN.resolve("causal").resolve("tiny-gpt2-bos.safetensors")));
    HookPoint point = HookPoint.parse("layers.1.resid");
    try (LoadedModel model = TinyModel.GPT2.open()) {
      LoadedModel begun = model.withBeginning(true);
      ContextSpec contexts = new ContextSpec(List.of(text), 6, 0, 2, Long.MAX_VALUE);
      Capture plan = Capture.plan(begun, CaptureSpec.of(contexts, List.of(point)));
      assertThat(plan.rows()).isEqualTo(11);
      plan.run(folder.resolve("store"), done -> {});
      ActivationStore store = ActivationStore.open(folder.resolve("store"));
      assertThat(store.manifest().prependBos()).contains(true);
      assertThat(store.firstPosition()).isEqualTo(1);
      assertThat(StoredValues.ints(store, Column.TOKEN_ID))
          .containsExactly(3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13);
      assertThat(StoredValues.ints(store, Column.POSITION))
          .containsExactly(1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1);
      List<Float> expected = expected(golden, point.toString());
      List<Float> actual = StoredValues.floats(store, point.toString());
      assertThat(actual).hasSameSizeAs(expected);
      for (int i = 0; i < actual.size(); i++) {
        assertThat(actual.get(i)).isCloseTo(expected.get(i), within(1e-4f));
      }
      // The first word is predicted from the token before it, so all eleven count.
      TokenLoss loss = TokenLoss.NONE;
      try (ContextBatches batches = ContextBatches.open(begun, contexts)) {
        for (TokenBatch batch = batches.next(); batch != null; batch = batches.next()) {
          loss = loss.plus(begun.languageModel().loss(batch, Hooks.none()));
        }
      }
      assertThat(loss.tokens()).isEqualTo(11);
      assertThat(loss.mean()).isCloseTo(golden.metadata("loss"), within(1e-5));
    }
  }

  /** The rows of the text, in order: the beginning-of-text token and the padding are left out. */
  private static List<Float> expected(GoldenBatch golden, String name) {
    long[] shape = golden.file().shape(name);
    List<Float> rows = new ArrayList<>();
    for (int i = 0; i < shape[0]; i++) {
      for (int j = 1; j < golden.contexts().get(i).length; j++) {
        for (int k = 0; k < shape[2]; k++) {
          long at = (i * shape[1] + j) * shape[2] + k;
          rows.add(golden.file().data(name).getAtIndex(ValueLayout.JAVA_FLOAT, at));
        }
      }
    }
    return rows;
  }

  @Test
  void theTokenIsNotDoubledAndCanBeLeftOut() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      assertThat(model.tokenizer().prefix()).containsExactly(0);
      assertThat(model.withBeginning(true)).isSameAs(model);
      assertThat(model.beginningAs(Optional.of(true))).isSameAs(model);
      assertThat(model.beginningAs(Optional.empty())).isSameAs(model);
      LoadedModel without = model.beginningAs(Optional.of(false));
      assertThat(without.tokenizer().prefix()).isEmpty();
      assertThat(without.withBeginning(true).tokenizer().prefix()).containsExactly(0);
    }
    try (LoadedModel model = TinyModel.GPT2.open()) {
      assertThat(model.withBeginning(false)).isSameAs(model);
      assertThat(Generation.greedy(3).run(model.withBeginning(true), "call me"))
          .startsWith("call me ");
    }
  }

  /** Python's tokenizer reads tokenizer_config.json; a number that is no token is passed over. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'bos_token': '<s>', 'eos_token': '</s>'} | {'bos_token_id': 7} | 5 | 0",
        "{'bos_token': {'content': '</s>', 'lstrip': false}} | {'bos_token_id': 7} | 5 | 1",
        "{'bos_token': null} | {'bos_token_id': 7} | 5 | 7",
        "{'bos_token': '<none>'} | {'bos_token_id': null} | 5 | 5",
        "{} | {'bos_token_id': 50256} | 5 | 5",
        "{} | {} | 50256 | -1",
        "{} | {} | null | -1",
      })
  void isFoundInTheModelsFiles(String tokenizer, String generation, String config, int id)
      throws IOException {
    try (LoadedModel model = tiny(tokenizer, generation, config)) {
      assertThat(model.beginningOfText().orElse(-1)).isEqualTo(id);
      if (id >= 0) {
        assertThat(model.withBeginning(true).tokenizer().prefix()).containsExactly(id);
      } else {
        assertThatThrownBy(() -> model.withBeginning(true))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining(model.name())
            .hasMessageContaining("bos_token_id");
      }
    }
  }

  @Test
  void isFoundInGgufFiles() throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    Path file = Demo.GOLDEN.resolve("gguf").resolve("gpt2.gguf");
    try (LoadedModel model = LoadedModel.open(file, Device.CPU)) {
      assertThat(model.beginningOfText()).hasValue(0);
    }
  }

  /** Tiny GPT-2 with other files beside it. */
  private LoadedModel tiny(String tokenizer, String generation, String config) throws IOException {
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    try (Stream<Path> files = Files.list(TinyModel.GPT2.folder())) {
      for (Path file : files.toList()) {
        Files.copy(file, folder.resolve(file.getFileName()));
      }
    }
    Path settings = folder.resolve("config.json");
    Files.writeString(
        settings,
        Files.readString(settings).replace("\"bos_token_id\": 0", "\"bos_token_id\": " + config));
    Files.writeString(folder.resolve("tokenizer_config.json"), tokenizer.replace('\'', '"'));
    Files.writeString(folder.resolve("generation_config.json"), generation.replace('\'', '"'));
    return LoadedModel.open(folder, Device.CPU);
  }
}
