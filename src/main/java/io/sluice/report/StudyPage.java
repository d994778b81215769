package io.sluice.report;

import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.TopK;
import io.sluice.files.Quoted;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.sweep.Axis;
import io.sluice.training.sweep.CauseShares;
import io.sluice.training.sweep.Estimate;
import io.sluice.training.sweep.SweepResult;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * The results of sweeps over one hook point about dead features, as Markdown: a table, the shares
 * of the causes, and whether whitening is a better remedy than active-subspace initialisation.
 * Every sentence is computed from the numbers.
 */
public final class StudyPage {
  private static final Map<Axis, String> DEFAULTS =
      new EnumMap<>(
          Map.of(
              Axis.INIT, "asi",
              Axis.CENTRING, "on",
              Axis.OPTIMISER, "adam",
              Axis.WHITEN, "off",
              Axis.CONSTRAIN, "off",
              Axis.AUXK, "off",
              Axis.RESAMPLE, "off"));

  /** Smaller differences, in standard errors, count as undecided. */
  private static final double DECISIVE = 2;

  private final List<SweepResult> sweeps;

  /** By number of features, then by the rest. */
  private final Map<Integer, Map<Map<Axis, String>, SweepResult.Group>> cells = new TreeMap<>();

  private final StringBuilder out = new StringBuilder();

  private StudyPage(List<SweepResult> sweeps) {
    this.sweeps = sweeps;
    for (SweepResult sweep : sweeps) {
      for (SweepResult.Group group : sweep.groups()) {
        Map<Axis, String> values = new EnumMap<>(DEFAULTS);
        values.putAll(group.values());
        String size = values.remove(Axis.FEATURES);
        values.keySet().retainAll(DEFAULTS.keySet());
        int features =
            size == null
                ? sweep.cells().getFirst().cell().config().features()
                : Integer.parseInt(size);
        cells.computeIfAbsent(features, key -> new LinkedHashMap<>()).putIfAbsent(values, group);
      }
    }
  }

  /**
   * The page.
   *
   * @param sweeps at least one, all over one hook point and with the same lengths of training
   * @throws IllegalArgumentException if they are not, or no cell has ended
   */
  public static String markdown(List<SweepResult> sweeps) {
    return markdown(sweeps, null, List.of());
  }

  /**
   * The page, with a section that compares predicted dead features with counted ones.
   *
   * @param sweeps as for the other method
   * @param spectra with predictions for the hook point; null if {@code checked} is empty
   * @param checked sweeps to compare with the predictions; may be empty, and may share sweeps with
   *     the others
   * @throws IllegalArgumentException as the other method, or if a prediction is missing
   */
  public static String markdown(
      List<SweepResult> sweeps, Spectra spectra, List<SweepResult> checked) {
    SweepResult first = sweeps.getFirst();
    TrainingConfig config = first.cells().getFirst().cell().config();
    for (SweepResult sweep : sweeps) {
      TrainingConfig other = sweep.cells().getFirst().cell().config();
      if (!sweep.hook().equals(first.hook())
          || other.schedule().steps() != config.schedule().steps()
          || other.schedule().batch() != config.schedule().batch()
          || other.schedule().deadWindow() != config.schedule().deadWindow()
          || other.heldOut() != config.heldOut()
          || other.dataSeed() != config.dataSeed()) {
        throw new IllegalArgumentException(
            "a study needs sweeps of one hook point, batch, length, dead window and held-out tokens; these differ: "
                + first.hook()
                + " and "
                + sweep.hook());
      }
    }
    requireKnownAxes(sweeps);
    StudyPage page = new StudyPage(sweeps);
    if (page.cells.isEmpty()) {
      throw new IllegalArgumentException("no cell of these sweeps has ended");
    }
    page.head(first, config);
    page.table();
    page.shares();
    page.verdict();
    page.others();
    if (!checked.isEmpty()) {
      page.out.append(PredictionSection.markdown(spectra, checked));
    }
    return page.out.toString();
  }

  /** The tables have no columns for other axes, and the text is about TopK. */
  private static void requireKnownAxes(List<SweepResult> sweeps) {
    for (SweepResult sweep : sweeps) {
      for (Axis axis : sweep.grid().varied()) {
        if (axis != Axis.FEATURES && axis != Axis.SEED && !DEFAULTS.containsKey(axis)) {
          throw new IllegalArgumentException(
              "a study is of remedies for dead features, and a sweep of "
                  + sweep.hook()
                  + " varies "
                  + axis.label()
                  + "; leave it out, or the study");
        }
      }
      for (SweepResult.Outcome outcome : sweep.cells()) {
        ActivationFunction activation = outcome.cell().config().sparsity().activation();
        if (!(activation instanceof TopK)) {
          throw new IllegalArgumentException(
              "a study is of TopK autoencoders, and a sweep of %s has %s; leave it out, or the study"
                  .formatted(sweep.hook(), activation.label()));
        }
      }
    }
  }

  private void head(SweepResult sweep, TrainingConfig config) {
    int seeds =
        cells.values().stream()
            .flatMap(each -> each.values().stream())
            .mapToInt(SweepResult.Group::seeds)
            .max()
            .orElse(1);
    line("# Dead features: causes and remedies");
    line("");
    line("`make study` generates this page from the results of sweeps. [remedies.md](remedies.md)");
    line(
        "says what each remedy does, and `bin/study` says which settings `make study` accepts. The");
    line("settings of this page:");
    line("");
    line(
        "`%s` of %s over %s: TopK autoencoders, k %d, %,d steps of %,d tokens (%,d), learning rate %s,"
            + " %d seeds. A feature is dead if it did not fire in the last %,d tokens of training. %s"
            + " Mean ± standard error over seeds.%s",
        Quoted.markdownCode(sweep.hook()),
        Quoted.markdown(sweep.model()),
        Quoted.markdown(sweep.text()),
        config.k(),
        config.schedule().steps(),
        config.schedule().batch(),
        config.schedule().steps() * config.schedule().batch(),
        plain(config.schedule().learningRate()),
        seeds,
        config.schedule().deadWindow(),
        errors(),
        patience());
    line("");
  }

  /** The tokens on which FVU is measured. */
  private String errors() {
    SweepResult.Group group = anyGroup();
    String last =
        String.format(
            Locale.ROOT,
            "FVU, last %,d steps, is measured on tokens in training batches.",
            group.fvuSteps());
    return unseen()
        ? String.format(
            Locale.ROOT,
            "FVU, held-out, is measured on %,d tokens in whole contexts that were never trained on; %s",
            group.heldOutTokens(),
            last)
        : "Nothing was held out: " + last;
  }

  private SweepResult.Group anyGroup() {
    return cells.values().iterator().next().values().iterator().next();
  }

  /** Whether every cell has a held-out FVU. */
  private boolean unseen() {
    return cells.values().stream()
        .flatMap(each -> each.values().stream())
        .allMatch(group -> group.heldOutFvu() != null);
  }

  /** The window of AuxK and resampling, if any cell has them. */
  private String patience() {
    return sweeps.stream()
        .flatMap(sweep -> sweep.cells().stream())
        .map(outcome -> outcome.cell().config())
        .filter(config -> config.remedies().usesAuxK() || config.remedies().resampleEvery() > 0)
        .findFirst()
        .map(
            config ->
                String.format(
                    Locale.ROOT,
                    " AuxK and resampling treat a feature as dead after %,d tokens.",
                    config.remedies().deadAfter() == 0
                        ? config.schedule().deadWindow()
                        : config.remedies().deadAfter()))
        .orElse("");
  }

  private void table() {
    line(
        "| features | start | centred | optimiser | other remedy | dead | FVU, held-out | FVU, last %,d"
            + " steps | seeds |",
        anyGroup().fvuSteps());
    line("|---:|---|---|---|---|---:|---:|---:|---:|");
    cells.forEach(
        (features, groups) ->
            groups.forEach(
                (values, group) ->
                    line(
                        "| %,d | %s | %s | %s | %s | %s | %s | %s | %d |",
                        features,
                        values.get(Axis.INIT).equals("asi") ? "ASI" : "random",
                        values.get(Axis.CENTRING).equals("on") ? "yes" : "no",
                        values.get(Axis.OPTIMISER).equals("adam") ? "Adam" : "SparseAdam",
                        besides(values),
                        percent(group.deadFraction()),
                        group.heldOutFvu() == null ? "–" : number(group.heldOutFvu()),
                        number(group.fvu()),
                        group.seeds())));
    line("");
  }

  private static String besides(Map<Axis, String> values) {
    List<String> names = new ArrayList<>();
    if (!values.get(Axis.WHITEN).equals("off")) {
      names.add("whitened");
    }
    if (!values.get(Axis.CONSTRAIN).equals("off")) {
      names.add("constrained");
    }
    if (!values.get(Axis.AUXK).equals("off")) {
      names.add("AuxK");
    }
    if (!values.get(Axis.RESAMPLE).equals("off")) {
      names.add("resampled");
    }
    return String.join(", ", names);
  }

  private void shares() {
    List<String> rows = new ArrayList<>();
    for (SweepResult sweep : sweeps) {
      for (CauseShares each : CauseShares.of(sweep)) {
        String size = each.values().get(Axis.FEATURES);
        for (Map.Entry<CauseShares.Cause, Estimate> share : each.shares().entrySet()) {
          rows.add(row(size, each, share.getKey().label(), share.getValue()));
        }
        rows.add(row(size, each, "none of these", each.unexplained()));
      }
    }
    if (rows.isEmpty()) {
      return;
    }
    line("## Why features die");
    line("");
    line(
        "The share of the dead features that each cause explains is a Shapley value: the reduction of");
    line(
        "the dead fraction by its remedy (centring, ASI, SparseAdam), averaged over all orders of");
    line("switching the remedies on, divided by the dead fraction with none of them.");
    line("");
    line("| features | dead with no remedy | cause | share |");
    line("|---:|---:|---|---:|");
    rows.forEach(this::line);
    line("");
  }

  private static String row(String size, CauseShares shares, String cause, Estimate share) {
    return String.format(
        Locale.ROOT,
        "| %s | %s | %s | %s |",
        size == null ? "" : String.format(Locale.ROOT, "%,d", Integer.parseInt(size)),
        percent(shares.baseline()),
        cause,
        percent(share));
  }

  private void verdict() {
    int better = 0;
    int worse = 0;
    List<String> facts = new ArrayList<>();
    for (Map.Entry<Integer, Map<Map<Axis, String>, SweepResult.Group>> size : cells.entrySet()) {
      SweepResult.Group whitened =
          size.getValue().get(with(Map.of(Axis.WHITEN, "on", Axis.INIT, "random")));
      SweepResult.Group asi = size.getValue().get(with(Map.of()));
      if (whitened == null || asi == null) {
        continue;
      }
      facts.add(
          String.format(
              Locale.ROOT,
              "With %,d features, whitening (random start) leaves %s dead at %s FVU of %s; ASI,"
                  + " centred, leaves %s dead at %s.",
              size.getKey(),
              percent(whitened.deadFraction()),
              unseen() ? "a held-out" : "an",
              number(whitened.bestFvu()),
              percent(asi.deadFraction()),
              number(asi.bestFvu())));
      int sign = compare(whitened.bestFvu(), asi.bestFvu());
      better += sign < 0 ? 1 : 0;
      worse += sign > 0 ? 1 : 0;
    }
    if (facts.isEmpty()) {
      return;
    }
    line("## Is whitening a better answer to a low-dimensional input than ASI?");
    line("");
    String answer =
        worse == facts.size()
            ? "No, by these numbers: it reconstructs the activations worse"
                + (facts.size() > 1 ? " at every size." : ".")
            : better == facts.size()
                ? "Yes, by these numbers: it reconstructs the activations better"
                    + (facts.size() > 1 ? " at every size." : ".")
                : "These numbers do not decide it: FVU differs by less than two standard errors, or"
                    + " in opposite directions at different sizes.";
    line("%s %s", answer, String.join(" ", facts));
    line("");
    line(
        "Read dead features and FVU together: whitening gives every direction the same weight in the");
    line("loss, so features stay alive even in directions with almost no variance.");
    line("");
  }

  /** The effect of each other remedy alone, or on top of ASI. */
  private void others() {
    List<String> sentences = new ArrayList<>();
    Map<Axis, String> bare =
        Map.of(Axis.INIT, "random", Axis.CENTRING, "off", Axis.OPTIMISER, "adam");
    cells.forEach(
        (features, groups) -> {
          against(
              sentences, features, groups, "AuxK alone", with(bare), with(bare, Axis.AUXK, "on"));
          against(
              sentences,
              features,
              groups,
              "Resampling alone",
              with(bare),
              with(bare, Axis.RESAMPLE, "on"));
          against(
              sentences,
              features,
              groups,
              "Constrained training",
              with(Map.of()),
              with(Map.of(), Axis.CONSTRAIN, "auto"));
        });
    if (sentences.isEmpty()) {
      return;
    }
    line("## The other remedies");
    line("");
    sentences.forEach(each -> line("- %s", each));
    line("");
  }

  private static void against(
      List<String> sentences,
      int features,
      Map<Map<Axis, String>, SweepResult.Group> groups,
      String name,
      Map<Axis, String> without,
      Map<Axis, String> with) {
    SweepResult.Group before = groups.get(without);
    SweepResult.Group after = groups.get(with);
    if (before != null && after != null) {
      sentences.add(
          String.format(
              Locale.ROOT,
              "%s, %,d features: dead %s instead of %s, %sFVU %s instead of %s.",
              name,
              features,
              percent(after.deadFraction()),
              percent(before.deadFraction()),
              after.heldOutFvu() != null && before.heldOutFvu() != null ? "held-out " : "",
              number(after.bestFvu()),
              number(before.bestFvu())));
    }
  }

  private static Map<Axis, String> with(Map<Axis, String> values) {
    Map<Axis, String> all = new EnumMap<>(DEFAULTS);
    all.putAll(values);
    return all;
  }

  private static Map<Axis, String> with(Map<Axis, String> values, Axis axis, String value) {
    Map<Axis, String> all = with(values);
    all.put(axis, value);
    return all;
  }

  /** −1 if {@code a} is significantly smaller, 1 if larger, 0 if undecided. */
  private static int compare(Estimate a, Estimate b) {
    double error = Math.hypot(a.standardError(), b.standardError());
    double difference = a.mean() - b.mean();
    return Math.abs(difference) > DECISIVE * error ? (int) Math.signum(difference) : 0;
  }

  /** A share in percent, with its standard error; a dash for none. */
  static String percent(Estimate share) {
    if (share == null) {
      return "–";
    }
    String mean = String.format(Locale.ROOT, "%.1f", 100 * share.mean());
    return Double.isNaN(share.standardError())
        ? mean + " %"
        : mean + String.format(Locale.ROOT, " ± %.1f %%", 100 * share.standardError());
  }

  private static String number(Estimate value) {
    String mean = String.format(Locale.ROOT, "%.4f", value.mean());
    return Double.isNaN(value.standardError())
        ? mean
        : mean + String.format(Locale.ROOT, " ± %.4f", value.standardError());
  }

  private static String plain(double value) {
    return new java.math.BigDecimal(Double.toString(value)).stripTrailingZeros().toPlainString();
  }

  private void line(String format, Object... values) {
    out.append(values.length == 0 ? format : String.format(Locale.ROOT, format, values))
        .append('\n');
  }
}
