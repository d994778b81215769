package io.sluice.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.RunResult;
import io.sluice.training.sweep.Axis;
import io.sluice.training.sweep.Grid;
import io.sluice.training.sweep.SweepCell;
import io.sluice.training.sweep.SweepResult;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Test;

class StudyPageTest {
  private static SweepResult sweep(String hook, ToDoubleFunction<SweepCell> fvu, String... axes) {
    List<SweepResult.Outcome> cells = new ArrayList<>();
    Grid grid = Grid.parse(List.of(axes));
    for (SweepCell cell : grid.cells(() -> TrainingConfig.of(hook), 0.99, 0)) {
      double noise = 1e-3 * Integer.parseInt(cell.values().get(Axis.SEED));
      double dead = "random".equals(cell.values().get(Axis.INIT)) ? 0.4 : 0.1;
      cells.add(
          new SweepResult.Outcome(
              cell,
              new RunResult(
                  10,
                  10,
                  fvu.applyAsDouble(cell) + noise,
                  1000,
                  fvu.applyAsDouble(cell) + noise - 0.05,
                  10,
                  32,
                  dead,
                  10,
                  1,
                  99,
                  1),
              null));
    }
    return new SweepResult(hook, "model", "text", grid, cells);
  }

  private static SweepResult whitened(double fvu) {
    return sweep("h", cell -> fvu, "init=random", "whiten=on", "features=64", "seed=1,2,3");
  }

  @Test
  void answersAsTheNumbersDo() {
    SweepResult causes = sweep("h", cell -> 0.2, "init=random,asi", "features=64", "seed=1,2,3");
    assertThat(StudyPage.markdown(List.of(causes, whitened(0.3))))
        .contains(
            "No, by these numbers: it reconstructs the activations worse.",
            "| 64 | random | yes | Adam | whitened | 40.0 ± 0.0 % | 0.3020 ± 0.0006 | 0.2520 ± 0.0006 | 3 |",
            "| 64 | 40.0 ± 0.0 % | subspace mismatch | 75.0 ± 0.0 % |",
            "`h` of model over text");
    assertThat(StudyPage.markdown(List.of(causes, whitened(0.1))))
        .contains("Yes, by these numbers");
    assertThat(StudyPage.markdown(List.of(causes, whitened(0.2005)))).contains("do not decide");
    assertThat(StudyPage.markdown(List.of(causes))).doesNotContain("whitening a better answer");
  }

  @Test
  void aReportOfSweepsAloneIsHeadedByThem() {
    SweepResult sweep = sweep("h", cell -> 0.2, "init=random,asi", "seed=1,2,3");
    assertThat(Findings.of(null, null, List.of(), List.of(sweep)).headline())
        .isEqualTo(
            "Of 2 settings, 40\u202f% of the features end dead with init random, 10\u202f% with init"
                + " asi.");
    SweepResult one = sweep("h", cell -> 0.2, "init=asi", "seed=1");
    assertThat(Findings.of(null, null, List.of(), List.of(one)).headline())
        .isEqualTo("10\u202f% of the features end dead.");
  }

  private static Spectra spectra(double share) {
    List<Spectra.ExpectedDead> predicted = new ArrayList<>();
    for (String init : List.of("random", "asi")) {
      predicted.add(new Spectra.ExpectedDead(64, 32, 10, init, true, share));
    }
    double[] values = {1};
    Spectra.Hook hook =
        new Spectra.Hook(
            "h", "h", 0, 1, 10L, 1, null, null, null, null, null, null, values, 0.5, predicted);
    return new Spectra("model", "text", 10, 0.99, 1, 1, List.of(hook), List.of());
  }

  @Test
  void comparesPredictionsWithTheStartAndTheEnd() {
    SweepResult learns = sweep("h", cell -> 0.2, "init=random,asi", "features=64", "seed=1,2,3");
    SweepResult stands = sweep("h", cell -> 0.2, "init=asi", "features=64", "lr=1e-12", "seed=1,2");
    String page = StudyPage.markdown(List.of(learns), spectra(0.104), List.of(learns, stands));
    assertThat(page)
        .contains("Here γ = ‖μ‖/‖σ‖ (arXiv 2605.31518) is 0.50.")
        .containsPattern(
            "\\| 64 \\| 32 \\| 10 \\| random \\| yes \\| 10\\.4 % \\| – \\| 40\\.0 ± 0\\.0 % \\|")
        .containsPattern(
            "\\| 64 \\| 32 \\| 10 \\| ASI \\| yes \\| 10\\.4 % \\| 10\\.0 ± 0\\.0 % \\| 10\\.0 ± 0\\.0 % \\|")
        .contains("at most one percentage point in 1 of 1 rows");
    assertThat(StudyPage.markdown(List.of(learns), spectra(0.3), List.of(learns, stands)))
        .contains("at most one percentage point in 0 of 1 rows", "too high in 1 and too low in 0");
    SweepResult other = sweep("h", cell -> 0.2, "init=asi", "features=128", "seed=1");
    assertThatThrownBy(() -> StudyPage.markdown(List.of(learns), spectra(0.3), List.of(other)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("128 features");
  }

  @Test
  void refusesSweepsThatDoNotCompare() {
    SweepResult one = sweep("h", cell -> 0.2, "seed=1");
    assertThatThrownBy(() -> StudyPage.markdown(List.of(one, sweep("g", cell -> 0.2, "seed=1"))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("h and g");
  }
}
