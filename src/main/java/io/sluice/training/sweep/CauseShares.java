package io.sluice.training.sweep;

import io.sluice.training.config.Remedies;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * How much of the dead features each cause explains, from a sweep in which its remedy is off and
 * on: mean offset (centring), subspace mismatch (start), stale momentum (optimiser).
 *
 * <p>The reduction by a remedy depends on which others are on. So a cause's share is its Shapley
 * value: the reduction by its remedy, averaged over all orders of switching the remedies on,
 * divided by the dead fraction with none of them. The shares and the share that is still dead with
 * all remedies add up to 1.
 *
 * @param values the settings that the cells share, apart from the remedies and the seed
 * @param baseline dead fraction with no remedy
 * @param shares by cause; negative if a remedy increases the dead fraction
 * @param unexplained dead fraction with all remedies, over the baseline
 */
public record CauseShares(
    Map<Axis, String> values,
    Estimate baseline,
    Map<Cause, Estimate> shares,
    Estimate unexplained) {

  /** Why features die, and what is done against it. */
  public enum Cause {
    /** Activations lie off the origin, and directions that face away from their mean never fire. */
    MEAN_OFFSET(Axis.CENTRING, "off", "on", "mean offset"),
    /** Directions in which activations do not vary win no contest. */
    SUBSPACE_MISMATCH(Axis.INIT, "random", "asi", "subspace mismatch"),
    /** Momentum moves features that got no gradient. */
    STALE_MOMENTUM(Axis.OPTIMISER, "adam", "sparse-adam", "stale momentum");

    private final Axis axis;
    private final String without;
    private final String with;
    private final String label;

    Cause(Axis axis, String without, String with, String label) {
      this.axis = axis;
      this.without = without;
      this.with = with;
      this.label = label;
    }

    /** The cause in words. */
    public String label() {
      return label;
    }
  }

  /** A baseline below this is no more than a few features; shares of it say nothing. */
  private static final double LEAST_BASELINE = 0.005;

  /**
   * The shares in every group of cells that has all combinations of the remedies that the grid
   * varies; empty if it varies none, or nearly nothing is dead. Cells with another remedy switched
   * on are left out.
   */
  public static List<CauseShares> of(SweepResult sweep) {
    List<Cause> causes = new ArrayList<>();
    for (Cause cause : Cause.values()) {
      List<String> values = sweep.grid().axes().getOrDefault(cause.axis, List.of());
      if (values.contains(cause.without) && values.contains(cause.with)) {
        causes.add(cause);
      }
    }
    if (causes.isEmpty()) {
      return List.of();
    }
    // Group, then seed, then the set of remedies at work as bits.
    Map<Map<Axis, String>, Map<String, double[]>> groups = new LinkedHashMap<>();
    for (SweepResult.Outcome outcome : sweep.cells()) {
      if (outcome.result() == null || otherRemedy(outcome.cell())) {
        continue;
      }
      Map<Axis, String> values = new LinkedHashMap<>(outcome.cell().values());
      String seed = values.containsKey(Axis.SEED) ? values.remove(Axis.SEED) : "";
      int set = 0;
      for (int i = 0; i < causes.size(); i++) {
        set |= values.remove(causes.get(i).axis).equals(causes.get(i).with) ? 1 << i : 0;
      }
      double[] dead =
          groups
              .computeIfAbsent(values, key -> new TreeMap<>())
              .computeIfAbsent(seed, key -> unknown(1 << causes.size()));
      dead[set] = outcome.result().deadFraction();
    }
    List<CauseShares> all = new ArrayList<>();
    groups.forEach(
        (values, seeds) -> {
          CauseShares shares = of(values, causes, seeds.values());
          if (shares != null) {
            all.add(shares);
          }
        });
    return all;
  }

  private static boolean otherRemedy(SweepCell cell) {
    return !cell.config().remedies().equals(Remedies.NONE);
  }

  private static double[] unknown(int size) {
    double[] values = new double[size];
    java.util.Arrays.fill(values, Double.NaN);
    return values;
  }

  private static CauseShares of(
      Map<Axis, String> values, List<Cause> causes, Iterable<double[]> seeds) {
    List<double[]> whole = new ArrayList<>();
    for (double[] dead : seeds) {
      boolean complete = java.util.Arrays.stream(dead).noneMatch(Double::isNaN);
      if (complete && dead[0] >= LEAST_BASELINE) {
        whole.add(dead);
      }
    }
    if (whole.isEmpty()) {
      return null;
    }
    Map<Cause, Estimate> shares = new LinkedHashMap<>();
    for (int i = 0; i < causes.size(); i++) {
      int cause = i;
      shares.put(
          causes.get(i),
          Estimate.of(
              whole.stream()
                  .mapToDouble(dead -> saved(dead, cause, causes.size()) / dead[0])
                  .toArray()));
    }
    int last = (1 << causes.size()) - 1;
    return new CauseShares(
        values,
        Estimate.of(whole.stream().mapToDouble(dead -> dead[0]).toArray()),
        shares,
        Estimate.of(whole.stream().mapToDouble(dead -> dead[last] / dead[0]).toArray()));
  }

  /** The Shapley value of one remedy among {@code n}: the mean of what it saves. */
  private static double saved(double[] dead, int remedy, int n) {
    double sum = 0;
    for (int others = 0; others < dead.length; others++) {
      if ((others >> remedy & 1) == 0) {
        int size = Integer.bitCount(others);
        double weight = factorial(size) * factorial(n - size - 1) / factorial(n);
        sum += weight * (dead[others] - dead[others | 1 << remedy]);
      }
    }
    return sum;
  }

  private static double factorial(int n) {
    return n <= 1 ? 1 : n * factorial(n - 1);
  }
}
