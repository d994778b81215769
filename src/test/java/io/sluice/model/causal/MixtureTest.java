package io.sluice.model.causal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.model.HookKind;
import io.sluice.model.HookPatterns;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.TinyModel;
import io.sluice.model.TokenBatch;
import io.sluice.model.Transformer;
import io.sluice.model.cpu.LayerBackend;
import io.sluice.model.loading.LoadedModel;
import io.sluice.model.parts.Linear;
import io.sluice.model.parts.MlpActivation;
import io.sluice.testing.Seeds;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Mixtures of experts: which are computed, which hook points there are, and long batches. */
@Tag("model")
class MixtureTest {
  private static final HookPoint HIDDEN = new HookPoint(0, HookKind.MLP_ACT);

  @AfterEach
  void useWhatIsFaster() {
    System.clearProperty(LayerBackend.PROPERTY);
  }

  @Test
  void hiddenLayersAreThereWhereAnMlpHasOne() throws IOException {
    assertThat(hiddenLayers(TinyModel.MIXTRAL)).isEmpty();
    assertThat(hiddenLayers(TinyModel.QWEN2_MOE)).containsExactly(1);
    assertThat(hiddenLayers(TinyModel.QWEN3_MOE)).containsExactly(0, 2);
    assertThat(hiddenLayers(TinyModel.QWEN3)).containsExactly(0, 1, 2);
  }

  private static List<Integer> hiddenLayers(TinyModel tiny) throws IOException {
    try (LoadedModel model = tiny.open()) {
      return model.transformer().hookPoints().stream()
          .filter(point -> point.kind() == HookKind.MLP_ACT)
          .map(HookPoint::layer)
          .toList();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"libtorch", "vector"})
  void aHookWhereNoneIsIsRefusedByName(String layers) throws IOException {
    System.setProperty(LayerBackend.PROPERTY, layers);
    try (LoadedModel model = TinyModel.MIXTRAL.open()) {
      Transformer transformer = model.transformer();
      TokenBatch batch = TokenBatch.of(List.of(new int[] {0, 4, 9}));
      Hooks hooks = Hooks.none().observe(List.of(HIDDEN), (point, x) -> {});
      String message = "layers.0.mlp_act does not exist: layer 0 has a mixture of experts";
      assertThatThrownBy(() -> transformer.observe(batch, hooks)).hasMessageContaining(message);
      assertThatThrownBy(() -> model.languageModel().loss(batch, hooks))
          .hasMessageContaining(message);
      for (String pattern :
          List.of("layers.0.mlp_act", "layers.*.mlp_act", "blocks.0.mlp.hook_post")) {
        assertThatThrownBy(() -> HookPatterns.select(pattern, transformer))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining(message);
      }
      assertThat(HookPatterns.select("layers.*.*", transformer)).hasSize(12);
    }
    try (LoadedModel model = TinyModel.QWEN3_MOE.open()) {
      assertThat(HookPatterns.select("layers.*.mlp_act", model.transformer()))
          .containsExactly(HIDDEN, new HookPoint(2, HookKind.MLP_ACT));
    }
  }

  /** Enough rows that threads take pieces of them. */
  @Test
  void longBatchesAreComputedAlikeByBothKindsOfLayers() throws IOException {
    Random random = new Random(Seeds.seed());
    List<int[]> contexts = new ArrayList<>();
    for (int i = 0; i < 16; i++) {
      contexts.add(IntStream.range(0, 64).map(at -> random.nextInt(48)).toArray());
    }
    for (TinyModel tiny : List.of(TinyModel.MIXTRAL, TinyModel.QWEN2_MOE)) {
      float[] expected = hidden(tiny, "libtorch", contexts);
      float[] actual = hidden(tiny, "vector", contexts);
      int far = 0;
      for (int i = 0; i < expected.length; i++) {
        far += Math.abs(expected[i] - actual[i]) > 1e-3 ? 1 : 0;
      }
      // A router may be undecided about a token, and rounding then chooses.
      assertThat(far).as(tiny.name()).isLessThan(expected.length / 100);
    }
  }

  private static float[] hidden(TinyModel tiny, String layers, List<int[]> contexts)
      throws IOException {
    System.setProperty(LayerBackend.PROPERTY, layers);
    try (LoadedModel model = tiny.open();
        TensorScope scope = TensorScope.open()) {
      return model.transformer().forward(TokenBatch.of(contexts), Hooks.none()).toFloats();
    }
  }

  /** An expert without weights fails as soon as it is computed. */
  @Test
  void onlyExpertsThatGotTokensAreComputed() {
    Assumptions.assumeTrue(Torch.isAvailable(), "no LibTorch");
    try (TensorScope scope = TensorScope.open()) {
      Linear two = new Linear(Tensor.ofFloats(new float[] {2, 0, 0, 2}, 2, 2), null);
      Linear one = new Linear(Tensor.ofFloats(new float[] {1, 0, 0, 1}, 2, 2), null);
      Mlp.Gated doubled = new Mlp.Gated(one, two, MlpActivation.RELU, one);
      Linear router = new Linear(Tensor.ofFloats(new float[] {1, 0, 9, 9, 0, 1}, 3, 2), null);
      List<Mlp.Gated> experts = new ArrayList<>(List.of(doubled, doubled, doubled));
      Mlp.Gated broken = new Mlp.Gated(null, null, MlpActivation.RELU, null);
      experts.set(2, broken);
      Mixture mixture = new Mixture(router, experts, 2, true, null, null);
      Tensor x = Tensor.ofFloats(new float[] {1, 0, 2, 1}, 1, 2, 2);
      // relu(x) · 2x, whichever experts mix it.
      float[] y = mixture.apply(x).toFloats();
      float[] expected = {2, 0, 8, 2};
      for (int i = 0; i < y.length; i++) {
        assertThat(y[i]).isCloseTo(expected[i], within(1e-6f));
      }
      assertThatThrownBy(() -> mixture.apply(Tensor.ofFloats(new float[] {0, 1}, 1, 1, 2)))
          .isInstanceOf(NullPointerException.class);
    }
  }
}
