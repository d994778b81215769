package io.sluice.features.effects;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.Site;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.features.gather.FeatureLayer;
import io.sluice.model.HookPoint;
import io.sluice.model.LanguageModel;
import io.sluice.model.TinyModel;
import io.sluice.model.loading.LoadedModel;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class PromotedTokensTest {
  private static final int VOCABULARY = 48;
  private static final Site ATTN_0 = new Site("layers.0.attn_out", 24);
  private static final Site MLP_0 = new Site("layers.0.mlp_out", 24);
  private static final Site RESID_0 = new Site("layers.0.resid", 24);
  private static final Site RESID_1 = new Site("layers.1.resid", 24);
  private static final Site MLP_2 = new Site("layers.2.mlp_out", 24);

  @Test
  void areTheLargestAndSmallestDirectLogits() throws IOException {
    try (LoadedModel model = TinyModel.GPT2.open()) {
      Dictionary dictionary = TinyFeatures.dictionary(30, ATTN_0, List.of(ATTN_0), 2);
      assertRanked(model.languageModel(), dictionary, List.of(ATTN_0), List.of(0));
    }
  }

  @Test
  void ofSeveralHookPointsAreTheirSum() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      assertRanked(
          model.languageModel(),
          TinyFeatures.dictionary(9, RESID_0, List.of(ATTN_0, MLP_0), 3),
          List.of(ATTN_0, MLP_0),
          List.of(0, 24));
    }
  }

  @Test
  void ofResidualStreamsAreThoseOfTheLastAndOfWhatLaterLayersWrite() throws IOException {
    try (LoadedModel model = TinyModel.LLAMA.open()) {
      assertRanked(
          model.languageModel(),
          TinyFeatures.dictionary(9, RESID_0, List.of(MLP_0, RESID_0, RESID_1, MLP_2), 4),
          List.of(RESID_1, MLP_2),
          List.of(48, 72));
    }
  }

  @Test
  void equalLogitsAreOrderedById() {
    PromotedTokens.Ranking ranking = new PromotedTokens.Ranking(3);
    ranking.find(new float[] {9, 1, 2, 1, 2, 2, 0, 2}, 1, 7, 1);
    assertThat(new int[] {ranking.id(0), ranking.id(1), ranking.id(2)}).containsExactly(1, 3, 4);
    ranking.find(new float[] {9, 1, 2, 1, 2, 2, 0, 2}, 1, 7, -1);
    assertThat(new int[] {ranking.id(0), ranking.id(1), ranking.id(2)}).containsExactly(5, 0, 2);
    assertThat(ranking.logit(1)).isEqualTo(1);
  }

  @Test
  void refusesWhatHasNoEffectOrNoSingleOne() throws IOException {
    Site read = new Site("layers.1.attn_in", 24);
    try (LoadedModel gemma = TinyModel.GEMMA2.open();
        LoadedModel llama = TinyModel.LLAMA.open()) {
      assertThatThrownBy(
              () ->
                  new PromotedTokens(
                      gemma.languageModel(),
                      FeatureLayer.of(
                          TinyFeatures.dictionary(2, RESID_0, List.of(ATTN_0, MLP_0), 3))))
          .hasMessageContaining("gemma2")
          .hasMessageContaining("a norm follows");
      assertThatThrownBy(
              () ->
                  new PromotedTokens(
                      llama.languageModel(),
                      FeatureLayer.of(TinyFeatures.dictionary(2, read, List.of(read), 3))))
          .hasMessageContaining("layers.1.attn_in");
      Site queries = new Site("layers.1.q", 32);
      assertThatThrownBy(
              () ->
                  new PromotedTokens(
                      llama.languageModel(),
                      FeatureLayer.of(TinyFeatures.dictionary(2, queries, List.of(queries), 3))))
          .hasMessageContaining("layers.1.q is inside attention");
      Site deep = new Site("layers.7.resid", 24);
      assertThatThrownBy(
              () ->
                  new PromotedTokens(
                      llama.languageModel(),
                      FeatureLayer.of(TinyFeatures.dictionary(2, deep, List.of(deep), 3))))
          .hasMessageContaining("layers.7.resid");
    }
  }

  private static void assertRanked(
      LanguageModel model, Dictionary dictionary, List<Site> counted, List<Integer> from)
      throws IOException {
    int features = dictionary.config().features();
    double[][] expected = new double[features][VOCABULARY];
    int width = dictionary.config().outputWidth();
    try (TensorScope scope = TensorScope.open()) {
      for (int part = 0; part < counted.size(); part++) {
        for (int feature = 0; feature < features; feature++) {
          float[] row = new float[24];
          for (int i = 0; i < 24; i++) {
            row[i] =
                dictionary
                    .parameters()
                    .decoder()
                    .getAtIndex(
                        DictionaryParameters.FLOAT, (long) feature * width + from.get(part) + i);
          }
          float[] logits =
              model
                  .directLogits(
                      HookPoint.parse(counted.get(part).hook()),
                      Tensor.ofFloats(row, 1, 24).to(model.device()))
                  .toFloats();
          for (int id = 0; id < VOCABULARY; id++) {
            expected[feature][id] += logits[id];
          }
        }
      }
    }
    int[] seen = {0};
    new PromotedTokens(model, FeatureLayer.of(dictionary))
        .run(
            (feature, promoted, suppressed) -> {
              assertThat(feature).isEqualTo(seen[0]++);
              double[] sorted = expected[feature].clone();
              Arrays.sort(sorted);
              assertThat(promoted.count()).isEqualTo(10);
              for (int i = 0; i < 10; i++) {
                assertThat((double) promoted.logit(i))
                    .isCloseTo(sorted[VOCABULARY - 1 - i], within(1e-4))
                    .isCloseTo(expected[feature][promoted.id(i)], within(1e-4));
                assertThat((double) suppressed.logit(i))
                    .isCloseTo(sorted[i], within(1e-4))
                    .isCloseTo(expected[feature][suppressed.id(i)], within(1e-4));
              }
            },
            done -> {});
    assertThat(seen[0]).isEqualTo(features);
  }
}
