package io.sluice.model.loading;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.LanguageModel;
import io.sluice.model.TokenBatch;
import io.sluice.model.TokenLoss;
import io.sluice.model.capture.Generation;
import io.sluice.testing.Python;
import io.sluice.testing.SmolLm;
import io.sluice.torch.Device;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * SmolLM2-135M-Instruct (Q4_1) from its GGUF file, run here and by transformers on the same part of
 * the novel.
 */
@Tag("model")
class RealModelTest {
  private static final int CONTEXT = 256;
  private static final int CONTEXTS = 8;

  @TempDir Path folder;

  @Tag("python")
  @Test
  void agreesWithTransformersOnTheNovel() throws IOException {
    Path file = SmolLm.require();
    Python.require();
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    try (LoadedModel model = LoadedModel.open(file, Device.CPU)) {
      String novel = Files.readString(Path.of("datasets/moby-dick.txt"));
      int[] ids = model.tokenizer().encode(novel.substring(0, 40_000));
      assertThat(ids.length).isGreaterThan(CONTEXT * CONTEXTS);
      ids = Arrays.copyOf(ids, CONTEXT * CONTEXTS);
      Path list = folder.resolve("ids.json");
      Path results = folder.resolve("expected.safetensors");
      new ObjectMapper().writeValue(list.toFile(), ids);
      Python.run("real_model.py", file, list, CONTEXT, results);
      Safetensors expected = Safetensors.open(results);

      List<int[]> contexts = new ArrayList<>();
      for (int i = 0; i < CONTEXTS; i++) {
        contexts.add(Arrays.copyOfRange(ids, i * CONTEXT, (i + 1) * CONTEXT));
      }
      assertHooksAgree(model.languageModel(), contexts.getFirst(), expected);
      TokenLoss loss = TokenLoss.NONE;
      for (int[] context : contexts) {
        loss = loss.plus(model.languageModel().loss(TokenBatch.of(List.of(context)), Hooks.none()));
      }
      double perplexity = Math.exp(Double.parseDouble(expected.metadata().get("loss")));
      assertThat(Math.exp(loss.mean())).isCloseTo(perplexity, within(1e-3 * perplexity));
      long[] greedy = expected.data("greedy").toArray(ValueLayout.JAVA_LONG);
      int[] text =
          Generation.greedy(24)
              .run(model.languageModel(), Arrays.copyOf(ids, 24), model.endOfText(), id -> {});
      assertThat(Arrays.stream(text).asLongStream().toArray()).containsExactly(greedy);
    }
  }

  @Test
  void writesFluentText() throws IOException {
    Path file = SmolLm.require();
    assumeTrue(Torch.isAvailable(), "no LibTorch");
    try (LoadedModel model = LoadedModel.open(file, Device.CPU)) {
      int[] prompt = model.tokenizer().encode("The capital of France is");
      int[] text =
          Generation.greedy(8).run(model.languageModel(), prompt, model.endOfText(), id -> {});
      int[] paris = model.tokenizer().encode(" Paris");
      assertThat(paris).hasSize(1);
      assertThat(Arrays.copyOfRange(text, prompt.length, text.length)).contains(paris);
    }
  }

  /** Largest difference over largest value of each hook point: 1e-3 at most. */
  private static void assertHooksAgree(LanguageModel model, int[] context, Safetensors expected) {
    List<HookPoint> points = model.hookPoints();
    assertThat(points).hasSize(420);
    List<String> seen = new ArrayList<>();
    Hooks hooks =
        Hooks.none()
            .observe(
                points,
                (point, activation) -> {
                  float[] actual = activation.toFloats();
                  MemorySegment values = expected.data(point.toString());
                  assertThat(values.byteSize()).isEqualTo(4L * actual.length);
                  double largest = 0;
                  double apart = 0;
                  for (int i = 0; i < actual.length; i++) {
                    float value = values.getAtIndex(ValueLayout.JAVA_FLOAT, i);
                    largest = Math.max(largest, Math.abs(value));
                    apart = Math.max(apart, Math.abs(value - actual[i]));
                  }
                  assertThat(apart / largest).as(point.toString()).isLessThan(1e-3);
                  seen.add(point.toString());
                });
    try (TensorScope scope = TensorScope.open()) {
      model.forward(TokenBatch.of(List.of(context)), hooks);
    }
    assertThat(seen).hasSize(420);
  }
}
