package io.sluice.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.sluice.model.cpu.LayerBackend;
import io.sluice.model.loading.LoadedModel;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Losses and divergences by position are those of the logits, by their definition in float64. */
class PredictionsTest {
  /** The second context counts from its third token on. */
  private static final TokenBatch BATCH =
      TokenBatch.of(
          List.of(new int[] {0, 4, 9, 7, 3, 11}, new int[] {5, 6, 8, 3}), new int[] {1, 2});

  private static final HookPoint POINT = HookPoint.parse("layers.1.mlp_out");

  @AfterEach
  void useWhatIsFaster() {
    System.clearProperty(LayerBackend.PROPERTY);
  }

  @ParameterizedTest
  @CsvSource({"LLAMA, vector", "LLAMA, libtorch", "GEMMA2, vector", "GPT2, blas"})
  void areThoseOfTheLogits(TinyModel which, String engine) throws IOException {
    System.setProperty(LayerBackend.PROPERTY, engine);
    try (LoadedModel loaded = which.open();
        TensorScope scope = TensorScope.open()) {
      LanguageModel model = loaded.languageModel();
      Hooks halved = Hooks.none().replace(POINT, (at, x) -> x.mul(0.5));
      Hooks gone = Hooks.none().replace(POINT, (at, x) -> x.mul(0));
      List<Hooks> variants = List.of(Hooks.none(), halved, gone);
      int[] done = new int[1];
      Predictions found = model.predictions(BATCH, variants, count -> done[0] = count);
      assertThat(done[0]).isEqualTo(3);
      assertThat(found.positions()).containsExactly(0, 1, 2, 3, 4, 1, 2, 5, 3);
      assertThat(found.known()).isEqualTo(7);
      assertThat(found.sums()).isEqualTo(model.losses(BATCH, variants));
      double[][] clean = logProbabilities(model, Hooks.none());
      for (int v = 0; v < variants.size(); v++) {
        double[][] own = logProbabilities(model, variants.get(v));
        for (int i = 0; i < found.positions().length; i++) {
          int context = i < 5 || i == 7 ? 0 : 1;
          int row = context * BATCH.length() + found.positions()[i];
          double apart = 0;
          for (int id = 0; id < own[row].length; id++) {
            apart += Math.exp(clean[row][id]) * (clean[row][id] - own[row][id]);
          }
          assertThat(found.divergences()[v][i]).isCloseTo(apart, within(2e-5));
          if (i < found.known()) {
            int next = BATCH.id(context, found.positions()[i] + 1);
            assertThat(found.losses()[v][i]).isCloseTo(-own[row][next], within(2e-5));
          }
        }
      }
      assertThat(found.divergences()[0]).containsOnly(0.0);
      assertThat(found.divergences()[2][3]).isGreaterThan(1e-3);
      assertThatThrownBy(() -> model.predictions(BATCH, List.of(), count -> {}))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  /** Of each row of the batch, {@code [size · length][vocabulary]}. */
  private static double[][] logProbabilities(LanguageModel model, Hooks hooks) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor logits = model.logits(model.forward(BATCH, hooks));
      double[] all = logits.toDoubles();
      int classes = (int) logits.size(2);
      double[][] rows = new double[all.length / classes][classes];
      for (int row = 0; row < rows.length; row++) {
        double sum = 0;
        for (int i = 0; i < classes; i++) {
          sum += Math.exp(all[row * classes + i]);
        }
        for (int i = 0; i < classes; i++) {
          rows[row][i] = all[row * classes + i] - Math.log(sum);
        }
      }
      return rows;
    }
  }
}
