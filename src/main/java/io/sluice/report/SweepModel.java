package io.sluice.report;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.sluice.training.sweep.Axis;
import io.sluice.training.sweep.CauseShares;
import io.sluice.training.sweep.Estimate;
import io.sluice.training.sweep.SweepResult;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * A sweep for the page.
 *
 * @param hook the hook point
 * @param deadWindowTokens window of the dead fraction
 * @param heldOutTokens tokens that were held out; 0 for none
 * @param fvuSteps the number of steps of the FVU on training batches
 * @param lines dead fraction and FVU against the number of features
 * @param shares the share of dead features that each cause explains; may be empty
 */
record SweepModel(
    String hook,
    long deadWindowTokens,
    long heldOutTokens,
    long fvuSteps,
    List<Line> lines,
    List<Share> shares) {

  /** Cells that differ only in features and seed. */
  record Line(String name, List<Point> points) {}

  /**
   * One number of features; points with equal {@code question} are comparable. Errors are standard
   * errors over seeds, null for a single seed.
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  record Point(
      String question,
      long features,
      int seeds,
      double dead,
      Double deadError,
      Double heldOut,
      Double heldOutError,
      double fvu,
      Double fvuError,
      double l0,
      Double stability,
      double tokensPerSecond) {}

  /** One group of cells. */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  record Share(String name, double baseline, Double baselineError, List<Part> parts) {}

  /** One cause, as a share of the baseline. */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  record Part(String cause, double share, Double error) {}

  static SweepModel of(SweepResult sweep) {
    Map<String, List<Point>> lines = new LinkedHashMap<>();
    long window = 0;
    long heldOut = 0;
    long steps = 0;
    for (SweepResult.Group group : sweep.groups()) {
      window = group.deadWindowTokens();
      heldOut = group.heldOutTokens();
      steps = group.fvuSteps();
      lines
          .computeIfAbsent(name(sweep, group.values(), Axis.FEATURES), key -> new ArrayList<>())
          .add(point(sweep, group));
    }
    List<Share> shares = new ArrayList<>();
    for (CauseShares each : CauseShares.of(sweep)) {
      shares.add(share(sweep, each));
    }
    return new SweepModel(
        sweep.hook(),
        window,
        heldOut,
        steps,
        lines.entrySet().stream().map(line -> new Line(line.getKey(), line.getValue())).toList(),
        shares);
  }

  private static Point point(SweepResult sweep, SweepResult.Group group) {
    return new Point(
        Findings.question(group),
        features(sweep, group.values()),
        group.seeds(),
        Curve.round(group.deadFraction().mean()),
        error(group.deadFraction()),
        group.heldOutFvu() == null ? null : Double.valueOf(Curve.round(group.heldOutFvu().mean())),
        group.heldOutFvu() == null ? null : error(group.heldOutFvu()),
        Curve.round(group.fvu().mean()),
        error(group.fvu()),
        Curve.round(group.l0().mean()),
        group.stability() == null ? null : Double.valueOf(Curve.round(group.stability())),
        Curve.round(group.tokensPerSecond().mean()));
  }

  private static long features(SweepResult sweep, Map<Axis, String> values) {
    return values.containsKey(Axis.FEATURES)
        ? Long.parseLong(values.get(Axis.FEATURES))
        : sweep.cells().getFirst().cell().config().features();
  }

  private static Share share(SweepResult sweep, CauseShares shares) {
    List<Part> parts = new ArrayList<>();
    shares.shares().forEach((cause, share) -> parts.add(part(cause.label(), share)));
    parts.add(part("none of these", shares.unexplained()));
    return new Share(
        name(sweep, shares.values(), null),
        Curve.round(shares.baseline().mean()),
        error(shares.baseline()),
        parts);
  }

  private static Part part(String cause, Estimate share) {
    return new Part(cause, Curve.round(share.mean()), error(share));
  }

  private static Double error(Estimate estimate) {
    return Double.isNaN(estimate.standardError())
        ? null
        : Double.valueOf(Curve.round(estimate.standardError()));
  }

  /** The values of the varied axes except one; for a single cell its hook point. */
  private static String name(SweepResult sweep, Map<Axis, String> values, Axis without) {
    String name =
        values.entrySet().stream()
            .filter(entry -> entry.getKey() != without)
            .filter(entry -> sweep.grid().varied().contains(entry.getKey()))
            .map(entry -> entry.getKey().label() + " " + entry.getValue())
            .collect(Collectors.joining(", "));
    return name.isEmpty() ? sweep.hook() : name;
  }
}
