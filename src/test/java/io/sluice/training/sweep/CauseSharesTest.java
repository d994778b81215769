package io.sluice.training.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.RunResult;
import io.sluice.training.sweep.CauseShares.Cause;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Test;

class CauseSharesTest {
  private static final Grid ALL =
      Grid.parse(
          List.of(
              "init=random,asi", "centring=off,on", "optimiser=adam,sparse-adam", "seed=0,1,2"));

  private static SweepResult sweep(Grid grid, ToDoubleFunction<SweepCell> dead) {
    List<SweepResult.Outcome> outcomes = new ArrayList<>();
    for (SweepCell cell : grid.cells(() -> TrainingConfig.of("h"), 0.99, 0)) {
      outcomes.add(
          new SweepResult.Outcome(
              cell,
              new RunResult(1, 1, null, 0, 0.1, 1, 32, dead.applyAsDouble(cell), 10, 1, 1, 1),
              null));
    }
    return new SweepResult("h", "m", "t", grid, outcomes);
  }

  private static boolean has(SweepCell cell, Axis axis, String value) {
    return cell.values().get(axis).equals(value);
  }

  @Test
  void causesThatDoNotMixGetWhatTheyTake() {
    List<CauseShares> all =
        CauseShares.of(
            sweep(
                ALL,
                cell ->
                    0.8
                        - (has(cell, Axis.CENTRING, "on") ? 0.4 : 0)
                        - (has(cell, Axis.INIT, "asi") ? 0.2 : 0)
                        - (has(cell, Axis.OPTIMISER, "sparse-adam") ? 0.1 : 0)));
    assertThat(all).hasSize(1);
    CauseShares shares = all.getFirst();
    assertThat(shares.shares().get(Cause.MEAN_OFFSET).mean()).isCloseTo(0.5, within(1e-12));
    assertThat(shares.shares().get(Cause.SUBSPACE_MISMATCH).mean()).isCloseTo(0.25, within(1e-12));
    assertThat(shares.shares().get(Cause.STALE_MOMENTUM).mean()).isCloseTo(0.125, within(1e-12));
    assertThat(shares.unexplained().mean()).isCloseTo(0.125, within(1e-12));
    assertThat(shares.baseline().repeats()).isEqualTo(3);
    assertThat(shares.baseline().standardError()).isCloseTo(0, within(1e-12));
  }

  @Test
  void causesThatMixShareEvenlyAndAddUp() {
    // Each remedy alone saves all: of three orders out of six each comes first in two.
    List<CauseShares> all =
        CauseShares.of(
            sweep(
                ALL,
                cell ->
                    has(cell, Axis.CENTRING, "on")
                            || has(cell, Axis.INIT, "asi")
                            || has(cell, Axis.OPTIMISER, "sparse-adam")
                        ? 0
                        : 0.6 + 0.1 * Integer.parseInt(cell.values().get(Axis.SEED))));
    CauseShares shares = all.getFirst();
    double sum = shares.unexplained().mean();
    for (Cause cause : Cause.values()) {
      assertThat(shares.shares().get(cause).mean()).isCloseTo(1.0 / 3, within(1e-12));
      sum += shares.shares().get(cause).mean();
    }
    assertThat(sum).isCloseTo(1, within(1e-12));
    assertThat(shares.baseline().mean()).isCloseTo(0.7, within(1e-12));
    // Standard deviation 0.1, over the root of three.
    assertThat(shares.baseline().standardError()).isCloseTo(0.0577350269, within(1e-9));
  }

  @Test
  void takesWhatTheGridHasAndNoMore() {
    Grid two = Grid.parse(List.of("init=random,asi", "whiten=off,on", "features=64,128"));
    List<CauseShares> all =
        CauseShares.of(
            sweep(
                two,
                cell ->
                    has(cell, Axis.WHITEN, "on") ? 0.9 : has(cell, Axis.INIT, "asi") ? 0.1 : 0.2));
    assertThat(all).hasSize(2);
    assertThat(all.getFirst().shares()).containsOnlyKeys(Cause.SUBSPACE_MISMATCH);
    assertThat(all.getFirst().shares().get(Cause.SUBSPACE_MISMATCH).mean())
        .isCloseTo(0.5, within(1e-12));
    assertThat(all.getFirst().shares().get(Cause.SUBSPACE_MISMATCH).standardError()).isNaN();
    assertThat(CauseShares.of(sweep(Grid.parse(List.of("features=64,128")), cell -> 0.5)))
        .isEmpty();
    assertThat(CauseShares.of(sweep(ALL, cell -> 0))).isEmpty();
  }
}
