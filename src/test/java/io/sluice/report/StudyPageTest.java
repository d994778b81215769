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

  @Test
  void refusesSweepsThatDoNotCompare() {
    SweepResult one = sweep("h", cell -> 0.2, "seed=1");
    assertThatThrownBy(() -> StudyPage.markdown(List.of(one, sweep("g", cell -> 0.2, "seed=1"))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("h and g");
  }
}
