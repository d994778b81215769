package io.sluice.model.causal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.sluice.memory.DType;
import io.sluice.model.ComputeType;
import io.sluice.model.GoldenBatch;
import io.sluice.model.HookKind;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.LanguageModel;
import io.sluice.model.TinyModel;
import io.sluice.model.TokenBatch;
import io.sluice.model.TokenLoss;
import io.sluice.model.capture.Generation;
import io.sluice.model.cpu.LayerBackend;
import io.sluice.model.loading.LoadedModel;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Logits, hook points, losses and generated text of each architecture against transformers. */
@Tag("model")
@Tag("cuda")
class CausalParityTest {
  private static final List<HookKind> INSIDE =
      List.of(HookKind.RESID_IN, HookKind.RESID_MID, HookKind.MLP_IN, HookKind.MLP_ACT);
  private static final List<HookKind> OF_HEADS =
      List.of(HookKind.Q_PRE_ROPE, HookKind.K_PRE_ROPE, HookKind.Q, HookKind.K, HookKind.V);

  @BeforeAll
  static void useVectorKernels() {
    System.setProperty(LayerBackend.PROPERTY, "vector");
  }

  @AfterAll
  static void useWhatIsFaster() {
    System.clearProperty(LayerBackend.PROPERTY);
  }

  /** How far activations may be from those of transformers. */
  double tolerance() {
    return 1e-4;
  }

  @ParameterizedTest
  @EnumSource
  void agreesWithTransformers(TinyModel tiny) throws IOException {
    GoldenBatch golden = tiny.golden();
    List<GoldenBatch> files = List.of(golden, tiny.points(), tiny.heads());
    Map<HookPoint, float[]> seen = new HashMap<>();
    try (LoadedModel model = tiny.open();
        TensorScope scope = TensorScope.open()) {
      LanguageModel transformer = model.languageModel();
      assertThat(transformer.shape()).isEqualTo(tiny.shape());
      Hooks hooks =
          Hooks.none()
              .observe(
                  transformer.hookPoints(),
                  (point, activation) -> seen.put(point, activation.toFloats()));
      TokenBatch batch = TokenBatch.of(golden.contexts());
      Tensor hidden = transformer.forward(batch, hooks);
      golden.assertClose("logits", transformer.logits(hidden).toFloats(), 48, tolerance());
      assertThat(seen.keySet()).containsExactlyInAnyOrderElementsOf(transformer.hookPoints());
      for (HookPoint point : seen.keySet()) {
        files.stream()
            .filter(file -> file.has(point.toString()))
            .findFirst()
            .orElseThrow()
            .assertClose(point.toString(), seen.get(point), transformer.width(point), tolerance());
      }
      GoldenBatch.assertSameAlone(transformer, batch, seen);
      TokenLoss loss = transformer.loss(batch, Hooks.none());
      assertThat(loss.tokens()).isEqualTo(golden.tokens() - batch.size());
      assertThat(loss.mean()).isCloseTo(golden.metadata("loss"), within(tolerance() / 10));
    }
  }

  @ParameterizedTest
  @EnumSource
  void replacesWhatTransformersReplaces(TinyModel tiny) throws IOException {
    try (LoadedModel model = tiny.open()) {
      assertReplaces(model.languageModel(), INSIDE, tiny.points());
      assertReplaces(model.languageModel(), OF_HEADS, tiny.heads());
    }
  }

  private void assertReplaces(LanguageModel model, List<HookKind> kinds, GoldenBatch golden) {
    TokenBatch batch = TokenBatch.of(golden.contexts());
    for (HookKind kind : kinds) {
      if (!model.hookPoints().contains(new HookPoint(1, kind))) {
        continue;
      }
      TokenLoss loss = model.loss(batch, GoldenBatch.halved(kind, batch));
      assertThat(loss.mean())
          .as(kind.label())
          .isCloseTo(
              golden.metadata("layers.1." + kind.label() + ".loss"), within(tolerance() / 10));
    }
  }

  @ParameterizedTest
  @EnumSource
  void patternsAgreeWithTransformers(TinyModel tiny) throws IOException {
    try (LoadedModel model = tiny.open()) {
      tiny.heads().assertPattern(model.transformer(), tolerance());
    }
  }

  @ParameterizedTest
  @EnumSource
  void predictsTheTokensThatTransformersPredicts(TinyModel tiny) throws IOException {
    int[] expected = tiny.golden().greedy();
    try (LoadedModel model = tiny.open()) {
      List<Integer> told = new ArrayList<>();
      int[] text =
          Generation.greedy(expected.length - 4)
              .run(model.languageModel(), Arrays.copyOf(expected, 4), Set.of(), told::add);
      assertThat(text).containsExactly(expected);
      assertThat(told).hasSize(expected.length - 4).endsWith(expected[expected.length - 1]);
    }
  }

  @Test
  void drawsTheSameTextFromTheSameSeed() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      String prompt = "call me";
      String greedy = Generation.greedy(8).run(model, prompt);
      assertThat(greedy).startsWith("call me ");
      assertThat(new Generation(8, 1.5, 1, 1, 7).run(model, prompt)).isEqualTo(greedy);
      String drawn = new Generation(8, 1.5, 0, 1, 7).run(model, prompt);
      assertThat(new Generation(8, 1.5, 0, 1, 7).run(model, prompt)).isEqualTo(drawn);
      assertThat(new Generation(8, 1.5, 0, 1, 8).run(model, prompt)).isNotEqualTo(drawn);
      // A text ends where the model's longest context does.
      int[] full =
          Generation.greedy(1000).run(model.languageModel(), new int[] {0}, Set.of(), t -> {});
      assertThat(full).hasSize(64);
    }
  }

  @ParameterizedTest
  @EnumSource
  void runsInBfloat16(TinyModel tiny) throws IOException {
    GoldenBatch golden = tiny.golden();
    try (LoadedModel model = tiny.open(ComputeType.BFLOAT16);
        TensorScope scope = TensorScope.open()) {
      LanguageModel transformer = model.languageModel();
      assertThat(transformer.outputProjection(0).dtype()).isEqualTo(DType.BF16);
      TokenLoss loss = transformer.loss(TokenBatch.of(golden.contexts()), Hooks.none());
      assertThat(loss.mean()).isCloseTo(golden.metadata("loss"), within(0.1));
    }
  }

  @Test
  void resultsDoNotDependOnNeighboursInTheBatch() throws IOException {
    List<int[]> contexts = TinyModel.MISTRAL.golden().contexts();
    try (LoadedModel model = TinyModel.MISTRAL.open()) {
      LanguageModel transformer = model.languageModel();
      TokenLoss each = TokenLoss.NONE;
      for (int[] context : contexts) {
        each = each.plus(transformer.loss(TokenBatch.of(List.of(context)), Hooks.none()));
      }
      TokenLoss all = transformer.loss(TokenBatch.of(contexts), Hooks.none());
      assertThat(all.tokens()).isEqualTo(each.tokens());
      assertThat(all.sum()).isCloseTo(each.sum(), within(1e-4));
    }
  }

  @Test
  void checkpointsWithoutAHeadCanBeObserved() throws IOException {
    Safetensors full = Safetensors.open(TinyModel.QWEN3.folder().resolve("model.safetensors"));
    try (LoadedModel model = TinyModel.QWEN3.withoutHead(full)) {
      LanguageModel transformer = model.languageModel();
      try (TensorScope scope = TensorScope.open()) {
        TokenBatch batch = TokenBatch.of(List.of(new int[] {1, 2, 3}));
        Tensor hidden = transformer.forward(batch, Hooks.none());
        assertThat(hidden.shape()).containsExactly(1, 3, 24);
        org.assertj.core.api.Assertions.assertThatThrownBy(() -> transformer.logits(hidden))
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("without the model's head");
      }
    }
  }
}
