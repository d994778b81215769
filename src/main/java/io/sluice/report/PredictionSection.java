package io.sluice.report;

import io.sluice.engine.activation.TopK;
import io.sluice.training.config.InitialDirections;
import io.sluice.training.config.Remedies;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.sweep.Axis;
import io.sluice.training.sweep.Estimate;
import io.sluice.training.sweep.SweepResult;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The section of the study that compares predicted dead features with counted ones, at the start
 * and at the end of training. Every number comes from {@code spectrum.json} and from sweeps.
 */
final class PredictionSection {
  /** Steps this small do not move a weight in float32, so the run shows its start. */
  private static final double STANDS_STILL = 1e-9;

  /** Shares that differ by less are taken as equal. */
  private static final double CLOSE = 0.01;

  private static final Set<Axis> KNOWN =
      Set.of(
          Axis.FEATURES,
          Axis.K,
          Axis.INIT,
          Axis.CENTRING,
          Axis.LR,
          Axis.BATCH,
          Axis.SEED,
          Axis.OPTIMISER);

  /** What a prediction is about. */
  private record Case(int features, int k, long tokens, String init, boolean centred) {}

  /** How a run was trained. */
  private record Training(int batch, long tokens, double rate) implements Comparable<Training> {
    @Override
    public int compareTo(Training other) {
      return Comparator.comparingInt(Training::batch)
          .thenComparingLong(Training::tokens)
          .thenComparingDouble(Training::rate)
          .compare(this, other);
    }
  }

  /** What is known of a case. */
  private static final class Row {
    private double predicted;
    private Estimate start;
    private final Map<Training, Estimate> ends = new TreeMap<>();
  }

  private final Map<Case, Row> rows =
      new TreeMap<>(
          Comparator.comparingInt(Case::features)
              .thenComparingInt(Case::k)
              .thenComparingLong(Case::tokens)
              .thenComparing(Case::init, Comparator.reverseOrder())
              .thenComparing(Case::centred));

  private final Set<Training> trainings = new TreeSet<>();
  private final String hook;
  private final Double severity;
  private final StringBuilder out = new StringBuilder();

  private PredictionSection(Spectra.Hook measured, List<SweepResult> sweeps) {
    this.hook = measured.hook();
    this.severity = measured.outlierSeverity();
    sweeps.forEach(sweep -> add(measured, sweep));
  }

  /**
   * The section.
   *
   * @param spectra with predictions for the sweeps' hook point
   * @param sweeps TopK autoencoders without remedies, at least one
   * @throws IllegalArgumentException if a prediction is missing, or a sweep varies something else
   */
  static String markdown(Spectra spectra, List<SweepResult> sweeps) {
    String hook = sweeps.getFirst().hook();
    Spectra.Hook measured =
        spectra.hooks().stream()
            .filter(each -> each.hook().equals(hook) && each.expectedDead() != null)
            .findFirst()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "the spectra predict no dead features for %s; write them again with"
                                .formatted(hook)
                            + " 'sluice spectrum --features'"));
    PredictionSection section = new PredictionSection(measured, sweeps);
    section.write();
    return section.out.toString();
  }

  private void add(Spectra.Hook measured, SweepResult sweep) {
    if (!sweep.hook().equals(hook)) {
      throw new IllegalArgumentException(
          "predictions are compared at one hook point, not at " + hook + " and " + sweep.hook());
    }
    for (Axis axis : sweep.grid().varied()) {
      if (!KNOWN.contains(axis)) {
        throw new IllegalArgumentException(
            "predictions are of runs without remedies, and a sweep of %s varies %s; leave it out"
                .formatted(hook, axis.label()));
      }
    }
    for (SweepResult.Group group : sweep.groups()) {
      TrainingConfig config = config(sweep, group);
      boolean sparse = "sparse-adam".equals(group.values().get(Axis.OPTIMISER));
      if (sparse || isRemedied(config) || !(config.sparsity().activation() instanceof TopK)) {
        continue;
      }
      Case about =
          new Case(
              config.features(),
              config.k(),
              group.deadWindowTokens(),
              config.start() instanceof InitialDirections.Random ? "random" : "asi",
              config.centre());
      Row row = rows.computeIfAbsent(about, key -> new Row());
      row.predicted = predicted(measured, about);
      double rate = config.schedule().learningRate();
      if (rate <= STANDS_STILL) {
        row.start = group.deadFraction();
      } else {
        int batch = config.schedule().batch();
        Training training = new Training(batch, config.schedule().steps() * batch, rate);
        trainings.add(training);
        row.ends.put(training, group.deadFraction());
      }
    }
  }

  private static boolean isRemedied(TrainingConfig config) {
    Remedies remedies = config.remedies();
    return remedies.mapInput() || remedies.usesAuxK() || remedies.resampleEvery() > 0;
  }

  private static TrainingConfig config(SweepResult sweep, SweepResult.Group group) {
    return sweep.cells().stream()
        .map(SweepResult.Outcome::cell)
        .filter(cell -> cell.values().entrySet().containsAll(group.values().entrySet()))
        .findFirst()
        .orElseThrow()
        .config();
  }

  private static double predicted(Spectra.Hook measured, Case about) {
    return measured.expectedDead().stream()
        .filter(
            each ->
                each.features() == about.features
                    && each.k() == about.k
                    && each.tokens() == about.tokens
                    && each.init().equals(about.init)
                    && each.centred() == about.centred)
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    ("the spectra predict nothing for %,d features, k %d and %,d tokens; write them"
                            + " again with 'sluice spectrum --features --k --dead-window'")
                        .formatted(about.features, about.k, about.tokens)))
        .share();
  }

  private void write() {
    line("## Death foretold");
    line("");
    line(
        "`sluice spectrum --features` predicts from means and covariances alone which share of a new"
            + " dictionary's features would never be among the k largest in the first N tokens. A"
            + " pre-activation is about normal over tokens, with mean ⟨w, μ⟩ (0 if centred) and"
            + " variance wᵀΣw; the threshold is where k of the h features are expected above it; and"
            + " the share is the mean of (1 − p)^N over rows w, drawn as training draws them, with p"
            + " the chance to exceed the threshold. Not centred, μ and Σ are those of tokens at"
            + " length 1, since the selection does not depend on their lengths, and each token has"
            + " its own threshold. %s",
        severity == null
            ? ""
            : String.format(Locale.ROOT, "Here γ = ‖μ‖/‖σ‖ (arXiv 2605.31518) is %.2f.", severity));
    line("");
    line(
        "*At the start* is counted in runs whose learning rate is too small to move a weight; *at"
            + " the end* in those that learn with Adam. Both count features that did not fire in the"
            + " last N tokens of the run, as `sluice train` does.");
    line("");
    StringBuilder head =
        new StringBuilder("| features | k | N | start | centred | predicted | at the start |");
    StringBuilder rule = new StringBuilder("|---:|---:|---:|---|---|---:|---:|");
    for (Training training : trainings) {
      head.append(
          String.format(
              Locale.ROOT,
              " at the end, batch %,d, %,d tokens |",
              training.batch,
              training.tokens));
      rule.append("---:|");
    }
    line("%s", head);
    line("%s", rule);
    rows.forEach(this::row);
    line("");
    start();
    end();
  }

  private void row(Case about, Row row) {
    StringBuilder cells = new StringBuilder();
    cells.append(
        String.format(
            Locale.ROOT,
            "| %,d | %d | %,d | %s | %s | %.1f %% | %s |",
            about.features,
            about.k,
            about.tokens,
            about.init.equals("asi") ? "ASI" : "random",
            about.centred ? "yes" : "no",
            100 * row.predicted,
            StudyPage.percent(row.start)));
    for (Training training : trainings) {
      cells.append(' ').append(StudyPage.percent(row.ends.get(training))).append(" |");
    }
    line("%s", cells);
  }

  /** How prediction and count compare before anything is learnt. */
  private void start() {
    List<Map.Entry<Case, Row>> known =
        rows.entrySet().stream().filter(each -> each.getValue().start != null).toList();
    if (known.isEmpty()) {
      return;
    }
    List<Map.Entry<Case, Row>> apart =
        known.stream()
            .filter(
                each -> Math.abs(each.getValue().predicted - each.getValue().start.mean()) > CLOSE)
            .toList();
    long above =
        apart.stream()
            .filter(each -> each.getValue().predicted > each.getValue().start.mean())
            .count();
    Map.Entry<Case, Row> worst =
        known.stream()
            .max(
                Comparator.comparingDouble(
                    each -> Math.abs(each.getValue().predicted - each.getValue().start.mean())))
            .orElseThrow();
    line(
        "**At the start** prediction and count differ by at most one percentage point in %d of %d"
            + " rows. The largest difference is at %s: %.1f %% predicted, %s counted.%s",
        known.size() - apart.size(),
        known.size(),
        name(worst.getKey()),
        100 * worst.getValue().predicted,
        StudyPage.percent(worst.getValue().start),
        apart.isEmpty()
            ? ""
            : String.format(
                Locale.ROOT,
                " Of the rows that differ by more, the prediction is too high in %d and too low in"
                    + " %d.",
                above,
                apart.size() - above));
    line("");
    line(
        "Why they part: the prediction takes directions of tokens to be normal, and real ones are"
            + " not; tokens that are neighbours in a text resemble each other, so N of them show less"
            + " than N independent ones, although training draws them at random."
            + " [experiments.md](experiments.md#predicted-dead-features) has the size of each"
            + " assumption.");
    line("");
  }

  /** What training changes. */
  private void end() {
    List<String> revived = new ArrayList<>();
    List<String> died = new ArrayList<>();
    for (Map.Entry<Case, Row> each : rows.entrySet()) {
      Row row = each.getValue();
      if (row.start == null) {
        continue;
      }
      for (Map.Entry<Training, Estimate> end : row.ends.entrySet()) {
        double change = end.getValue().mean() - row.start.mean();
        if (Math.abs(change) > CLOSE) {
          (change < 0 ? revived : died)
              .add(
                  String.format(
                      Locale.ROOT,
                      "%s, batch %,d (%.1f %% → %.1f %%)",
                      name(each.getKey()),
                      end.getKey().batch,
                      100 * row.start.mean(),
                      100 * end.getValue().mean()));
        }
      }
    }
    if (rows.values().stream().allMatch(row -> row.start == null || row.ends.isEmpty())) {
      return;
    }
    line(
        "**At the end** the rows have moved, which no prediction of the start includes. %s %s",
        revived.isEmpty()
            ? "Nowhere has the dead share fallen by more than one percentage point since the start."
            : "The dead share has fallen, as the decoder bias learns the mean and other rows shrink"
                + " or turn, at: "
                + String.join("; ", revived)
                + ".",
        died.isEmpty()
            ? "Nowhere has it risen by more than one."
            : "It has risen, as features lose their tokens to others that learn faster and, with"
                + " Adam, drift on by stale momentum, at: "
                + String.join("; ", died)
                + ".");
    line("");
  }

  private static String name(Case about) {
    return String.format(
        Locale.ROOT,
        "%,d features, N %,d, %s%s",
        about.features,
        about.tokens,
        about.init.equals("asi") ? "ASI" : "random",
        about.centred ? ", centred" : ", not centred");
  }

  private void line(String format, Object... values) {
    out.append(values.length == 0 ? format : String.format(Locale.ROOT, format, values))
        .append('\n');
  }
}
