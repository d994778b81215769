package io.sluice.features.effects;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.Site;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.model.HookPoint;
import io.sluice.model.Hooks;
import io.sluice.model.TinyModel;
import io.sluice.model.TokenBatch;
import io.sluice.model.loading.LoadedModel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class FiringFeaturesTest {
  private static final Site ATTN = new Site("layers.1.attn_out", 24);
  private static final Site MLP = new Site("layers.2.mlp_out", 24);

  @Test
  void areTheStrongestOfEachToken() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      Dictionary random = TinyFeatures.dictionary(16, ATTN, List.of(ATTN), 8);
      Dictionary dictionary =
          new Dictionary(random.config().withActivation(new TopK(3)), random.parameters());
      List<FiringFeatures.Token> tokens =
          FiringFeatures.of(
              model, dictionary, EngineFactory.reference(), "call me ishmael . the whale");
      assertThat(tokens.stream().mapToInt(FiringFeatures.Token::id))
          .containsExactly(11, 12, 13, 9, 3, 4);
      assertThat(tokens.stream().mapToInt(FiringFeatures.Token::position))
          .containsExactly(1, 2, 3, 4, 5, 6);
      float[] rows = attnOut(model, new int[] {0, 11, 12, 13, 9, 3, 4});
      for (FiringFeatures.Token token : tokens) {
        List<double[]> expected = new ArrayList<>();
        for (int feature = 0; feature < 16; feature++) {
          double value = preActivation(dictionary, rows, token.position(), feature);
          if (value > 0) {
            expected.add(new double[] {feature, value});
          }
        }
        expected.sort((a, b) -> Double.compare(b[1], a[1]));
        assertThat(token.features()).hasSize(Math.min(3, expected.size()));
        for (int i = 0; i < token.features().length; i++) {
          assertThat(token.features()[i]).isEqualTo((int) expected.get(i)[0]);
          assertThat((double) token.activations()[i]).isCloseTo(expected.get(i)[1], within(1e-4));
        }
      }
    }
  }

  @Test
  void ofACrosscoderReadAllItsHookPoints() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      Site both = new Site("layers.1.attn_out,layers.2.mlp_out", 48);
      Dictionary crosscoder = TinyFeatures.dictionary(16, both, List.of(ATTN, MLP), 8);
      Dictionary one = TinyFeatures.dictionary(16, ATTN, List.of(ATTN), 8);
      String text = "the white whale";
      assertThat(fired(model, crosscoder, text)).hasSize(3).isNotEqualTo(fired(model, one, text));
    }
  }

  /** The first token of a causal model is an attention sink. */
  @Test
  void theFirstTokenOfAContextHasNone() throws IOException {
    try (LoadedModel model = TinyModel.GPT2.open()) {
      List<FiringFeatures.Token> tokens =
          FiringFeatures.of(
              model,
              TinyFeatures.dictionary(16, ATTN, List.of(ATTN), 8),
              EngineFactory.reference(),
              "the whale");
      assertThat(tokens).hasSize(2);
      assertThat(tokens.getFirst().features()).isEmpty();
    }
  }

  @Test
  void refusesTextsAndModelsThatDoNotFit() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      Dictionary dictionary = TinyFeatures.dictionary(4, ATTN, List.of(ATTN), 8);
      assertThatThrownBy(
              () -> FiringFeatures.of(model, dictionary, EngineFactory.reference(), "  "))
          .hasMessageContaining("no token");
      assertThatThrownBy(
              () ->
                  FiringFeatures.of(
                      model, dictionary, EngineFactory.reference(), "the ".repeat(80)))
          .hasMessageContaining("the model takes at most 64");
      Site deep = new Site("layers.9.attn_out", 24);
      assertThatThrownBy(
              () ->
                  FiringFeatures.of(
                      model,
                      TinyFeatures.dictionary(4, deep, List.of(deep), 8),
                      EngineFactory.reference(),
                      "the"))
          .hasMessageContaining("layers.9.attn_out");
    }
  }

  private static List<String> fired(LoadedModel model, Dictionary dictionary, String text)
      throws IOException {
    return FiringFeatures.of(model, dictionary, EngineFactory.reference(), text).stream()
        .map(token -> Arrays.toString(token.features()) + Arrays.toString(token.activations()))
        .toList();
  }

  private static float[] attnOut(LoadedModel model, int[] ids) {
    List<float[]> seen = new ArrayList<>();
    model
        .transformer()
        .observe(
            TokenBatch.of(List.of(ids)),
            Hooks.none()
                .observe(
                    List.of(HookPoint.parse(ATTN.hook())), (point, x) -> seen.add(x.toFloats())));
    return seen.getFirst();
  }

  private static double preActivation(Dictionary dictionary, float[] rows, int row, int feature) {
    DictionaryParameters weights = dictionary.parameters();
    double sum = weights.encoderBias().getAtIndex(DictionaryParameters.FLOAT, feature);
    for (int i = 0; i < 24; i++) {
      sum +=
          (double) weights.encoder().getAtIndex(DictionaryParameters.FLOAT, feature * 24L + i)
              * (rows[row * 24 + i]
                  - weights.decoderBias().getAtIndex(DictionaryParameters.FLOAT, i));
    }
    return sum;
  }
}
