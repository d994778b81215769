package io.sluice.report;

import io.sluice.evaluation.LossRecovery;
import io.sluice.report.Spectra.Hook;
import io.sluice.report.Spectra.OutputProjection;
import io.sluice.training.sweep.Axis;
import io.sluice.training.sweep.SweepResult;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The main results in sentences; every sentence is computed from the data.
 *
 * @param headline one sentence
 * @param sentences further sentences, at most four
 */
record Findings(String headline, List<String> sentences) {

  /** The share of the loss for which the number of directions is reported. */
  static final double MOST_OF_THE_LOSS = 0.9;

  static Findings of(Spectra spectra, List<TrainingRun> runs) {
    return of(spectra, null, runs);
  }

  static Findings of(Spectra spectra, LossRecovery loss, List<TrainingRun> runs) {
    return of(spectra, loss, runs, List.of());
  }

  static Findings of(
      Spectra spectra, LossRecovery loss, List<TrainingRun> runs, List<SweepResult> sweeps) {
    return of(spectra, loss, runs, sweeps, List.of());
  }

  /** Of all that a report has; features by themselves are only counted. */
  static Findings of(
      Spectra spectra,
      LossRecovery loss,
      List<TrainingRun> runs,
      List<SweepResult> sweeps,
      List<FeatureCards> features) {
    String geometry = spectra == null ? null : dimensionHeadline(spectra);
    List<String> sentences = new ArrayList<>();
    if (spectra != null) {
      rangeSentence(spectra, sentences);
      causeSentence(spectra, sentences);
    }
    String recovered = loss == null ? null : lossSentence(loss);
    String swept = sweepSentence(sweeps);
    String dead = deadSentence(runs);
    if (dead == null) {
      dead = swept;
    } else if (swept != null) {
      sentences.add(swept);
    }
    if (geometry == null && recovered != null) {
      geometry = recovered;
    } else if (recovered != null) {
      sentences.add(recovered);
    }
    if (geometry == null) {
      return new Findings(dead == null ? featureHeadline(features) : dead, sentences);
    }
    if (dead != null) {
      sentences.add(dead);
    }
    return new Findings(geometry, List.copyOf(sentences));
  }

  private static String featureHeadline(List<FeatureCards> features) {
    if (features.isEmpty()) {
      return "Nothing was measured yet.";
    }
    double[] dead =
        features.stream().mapToDouble(f -> (double) f.dead() / f.features()).sorted().toArray();
    if (dead.length == 1) {
      return String.format(
          Locale.ROOT,
          "Of %,d features, %s are dead.",
          features.getFirst().features(),
          percent(dead[0]));
    }
    String least = percent(dead[0]);
    String most = percent(dead[dead.length - 1]);
    return "Of the features of %s dictionaries, %s are dead."
        .formatted(dead.length, least.equals(most) ? least : least + " to " + most);
  }

  /** The mean of k/d over the layers of one kind of hook point. */
  static OptionalDouble meanShare(Spectra spectra, String kind) {
    return spectra.ofKind(kind).stream().mapToDouble(Hook::dimensionShare).average();
  }

  /** A share as a percentage; only exact 0 and 1 are shown as 0 and 100. */
  static String percent(double share) {
    double percent = 100 * share;
    if (percent > 0 && percent < 0.05) {
      return "less than 0.1\u202f%";
    }
    if (percent < 100 && percent >= 99.95) {
      return "more than 99.9\u202f%";
    }
    boolean whole = percent == Math.rint(percent) || percent >= 10 && percent < 99.5;
    return String.format(Locale.ROOT, whole ? "%.0f\u202f%%" : "%.1f\u202f%%", percent);
  }

  private static String dimensionHeadline(Spectra spectra) {
    OptionalDouble attention = meanShare(spectra, "attn_out");
    OptionalDouble mlp = meanShare(spectra, "mlp_out");
    OptionalDouble residual = meanShare(spectra, "resid");
    List<String> parts = new ArrayList<>();
    if (attention.isPresent()) {
      parts.add("Attention writes in " + percent(attention.getAsDouble()) + " of its dimensions");
    }
    if (mlp.isPresent()) {
      String share = percent(mlp.getAsDouble());
      parts.add(
          parts.isEmpty()
              ? "The MLP writes in " + share + " of its dimensions"
              : "the MLP in " + share);
    }
    if (residual.isPresent()) {
      String share = percent(residual.getAsDouble());
      parts.add(
          parts.isEmpty()
              ? "The residual stream fills " + share + " of its dimensions"
              : "the residual stream fills " + share);
    }
    if (parts.isEmpty()) {
      return null;
    }
    if (parts.size() == 1) {
      return parts.getFirst() + ".";
    }
    return String.join(", ", parts.subList(0, parts.size() - 1)) + "; " + parts.getLast() + ".";
  }

  private static void rangeSentence(Spectra spectra, List<String> into) {
    List<Hook> hooks = spectra.ofKind("attn_out");
    if (hooks.isEmpty()) {
      return;
    }
    Comparator<Hook> byShare = Comparator.comparingDouble(Hook::dimensionShare);
    Hook least = hooks.stream().min(byShare).orElseThrow();
    Hook most = hooks.stream().max(byShare).orElseThrow();
    String across =
        hooks.size() == 1
            ? "in layer " + least.layer()
            : String.format(
                Locale.ROOT,
                "from %s in layer %d to %s in layer %d",
                directions(least),
                least.layer(),
                directions(most),
                most.layer());
    into.add(
        String.format(
            Locale.ROOT,
            "%s of the variance of attn_out lies in %s directions on average, %s.",
            percent(spectra.tau()),
            String.format(
                Locale.ROOT,
                "%.0f of %,d",
                hooks.stream().mapToInt(Hook::intrinsicDimension).average().orElseThrow(),
                least.width()),
            across));
  }

  private static String directions(Hook hook) {
    return String.format(Locale.ROOT, "%,d", hook.intrinsicDimension());
  }

  private static void causeSentence(Spectra spectra, List<String> into) {
    OptionalDouble z = meanShare(spectra, "z");
    OptionalDouble overlap = meanOverlap(spectra);
    if (z.isEmpty() || overlap.isEmpty()) {
      return;
    }
    OutputProjection first = spectra.outputProjections().getFirst();
    Hook heads = spectra.ofKind("z").getFirst();
    double chance = chanceOverlap(heads.width(), first.heads(), spectra.dModel());
    into.add(
        String.format(
            Locale.ROOT,
            "Before the output projection the heads fill %s of their dimensions; in W_O the"
                + " subspaces of two heads overlap by %.3f on average, random ones would by %.3f.",
            percent(z.getAsDouble()),
            overlap.getAsDouble(),
            chance));
  }

  /** Mean squared cosine between two random subspaces of one head's size: r / d. */
  static double chanceOverlap(int headsWidth, int heads, int dModel) {
    return dModel <= 0 ? Double.NaN : (double) headsWidth / heads / dModel;
  }

  private static OptionalDouble meanOverlap(Spectra spectra) {
    double sum = 0;
    long pairs = 0;
    for (OutputProjection projection : spectra.outputProjections()) {
      double[][] overlap = projection.headOverlap();
      for (int i = 0; overlap != null && i < overlap.length; i++) {
        for (int j = 0; j < i; j++) {
          sum += overlap[i][j];
          pairs++;
        }
      }
    }
    return pairs == 0 ? OptionalDouble.empty() : OptionalDouble.of(sum / pairs);
  }

  /** The kind of a hook point, from its name. */
  static String kind(String hook) {
    return hook.substring(hook.lastIndexOf('.') + 1);
  }

  private static String lossSentence(LossRecovery loss) {
    List<String> parts = new ArrayList<>();
    for (String kind : List.of("attn_out", "mlp_out", "resid", "z")) {
      OptionalDouble share =
          loss.hooks().stream()
              .filter(curve -> kind(curve.hook()).equals(kind))
              .map(curve -> curve.shareThatRecovers(MOST_OF_THE_LOSS))
              .filter(OptionalDouble::isPresent)
              .mapToDouble(OptionalDouble::getAsDouble)
              .average();
      if (share.isPresent()) {
        parts.add(percent(share.getAsDouble()) + " of the directions of " + kind);
      }
    }
    return parts.isEmpty()
        ? null
        : percent(MOST_OF_THE_LOSS)
            + " of the model’s loss comes back with "
            + String.join(" and ", parts)
            + ".";
  }

  /** A sentence about the largest group of comparable runs with one dead window. */
  private static String deadSentence(List<TrainingRun> runs) {
    List<String> names = RunQuestion.names(runs);
    Map<String, List<Integer>> alike = new LinkedHashMap<>();
    for (int i = 0; i < runs.size(); i++) {
      TrainingRun run = runs.get(i);
      if (run.finalDeadFraction() != null) {
        alike
            .computeIfAbsent(
                RunQuestion.of(run) + run.finalDeadWindow(), question -> new ArrayList<>())
            .add(i);
      }
    }
    List<Integer> ended = mostOf(alike.values());
    if (ended.isEmpty()) {
      return null;
    }
    // Runs with equal displayed shares are compared by their FVU.
    Comparator<Integer> byDead =
        Comparator.comparingDouble((Integer i) -> shown(runs.get(i).finalDeadFraction()))
            .thenComparingDouble(i -> bestFvu(runs.get(i)));
    int best = ended.stream().min(byDead).orElseThrow();
    int worst = ended.stream().max(byDead).orElseThrow();
    String features = features(runs.get(best));
    String least = dead(runs.get(best));
    if (ended.size() == 1) {
      return "‘"
          + names.get(best)
          + "’: "
          + least
          + " of "
          + features
          + " are dead"
          + fvu(runs.get(best))
          + ".";
    }
    double fewest = shown(runs.get(best).finalDeadFraction());
    if (fewest == shown(runs.get(worst).finalDeadFraction())) {
      return "Of " + features + ", " + least + " end dead in each of " + ended.size() + " runs.";
    }
    long tied =
        ended.stream().filter(i -> shown(runs.get(i).finalDeadFraction()) == fewest).count();
    return "Of "
        + features
        + ", "
        + dead(runs.get(worst))
        + " end dead in ‘"
        + names.get(worst)
        + "’"
        + fvu(runs.get(worst))
        + ", "
        + least
        + (tied > 1
            ? " in " + tied + " runs, of which ‘" + names.get(best) + "’ reconstructs best"
            : " in ‘" + names.get(best) + "’")
        + fvu(runs.get(best))
        + ".";
  }

  /** A share rounded as displayed; smaller differences are ignored. */
  private static double shown(double share) {
    return Math.rint(1000 * share) / 1000;
  }

  private static double bestFvu(TrainingRun run) {
    return run.result() == null || run.result().bestFvu() == null
        ? Double.MAX_VALUE
        : run.result().bestFvu();
  }

  /** The largest group, the first of several; empty if there is none. */
  private static <T> List<T> mostOf(Collection<List<T>> groups) {
    List<T> most = List.of();
    for (List<T> group : groups) {
      most = group.size() > most.size() ? group : most;
    }
    return most;
  }

  /** The settings of the first sweep with the largest and the smallest dead fraction. */
  private static String sweepSentence(List<SweepResult> sweeps) {
    List<SweepResult.Group> groups = sweeps.isEmpty() ? List.of() : sweeps.getFirst().groups();
    if (groups.isEmpty()) {
      return null;
    }
    Map<String, List<SweepResult.Group>> alike = new LinkedHashMap<>();
    for (SweepResult.Group group : groups) {
      alike.computeIfAbsent(question(group), question -> new ArrayList<>()).add(group);
    }
    List<SweepResult.Group> compared = mostOf(alike.values());
    Comparator<SweepResult.Group> byDead =
        Comparator.comparingDouble((SweepResult.Group group) -> group.deadFraction().mean())
            .thenComparingDouble(group -> group.bestFvu().mean());
    SweepResult.Group best = compared.stream().min(byDead).orElseThrow();
    SweepResult.Group worst = compared.stream().max(byDead).orElseThrow();
    String features = best.values().get(Axis.FEATURES);
    String of =
        alike.size() == 1 || features == null
            ? "the features"
            : String.format(Locale.ROOT, "%,d features", Long.valueOf(features));
    String least = percent(best.deadFraction().mean());
    String most = percent(worst.deadFraction().mean());
    if (compared.size() == 1) {
      return least + " of " + of + " end dead.";
    }
    if (least.equals(most)) {
      return least + " of " + of + " end dead in each of " + compared.size() + " settings.";
    }
    return "Of "
        + compared.size()
        + " settings, "
        + most
        + " of "
        + of
        + " end dead with "
        + whatDiffers(worst, best)
        + ", "
        + least
        + " with "
        + whatDiffers(best, worst)
        + ".";
  }

  /** A key that is equal for comparable cells of a sweep. */
  static String question(SweepResult.Group group) {
    return Stream.of(Axis.HOOK, Axis.FEATURES, Axis.K, Axis.BATCH)
        .map(axis -> String.valueOf(group.values().get(axis)))
        .collect(Collectors.joining("\n"));
  }

  private static String whatDiffers(SweepResult.Group group, SweepResult.Group other) {
    return group.values().entrySet().stream()
        .filter(value -> !value.getValue().equals(other.values().get(value.getKey())))
        .map(value -> value.getKey().label() + " " + value.getValue())
        .collect(Collectors.joining(", "));
  }

  private static String dead(TrainingRun run) {
    return percent(run.finalDeadFraction());
  }

  private static String fvu(TrainingRun run) {
    if (run.result() == null || run.result().bestFvu() == null) {
      return "";
    }
    return run.result().heldOutFvu() == null
        ? String.format(Locale.ROOT, " (FVU %.3f on tokens trained on)", run.result().fvu())
        : String.format(Locale.ROOT, " (held-out FVU %.3f)", run.result().heldOutFvu());
  }

  private static String features(TrainingRun run) {
    String one = run.setting("features");
    return one != null && one.matches("\\d{1,15}")
        ? String.format(Locale.ROOT, "%,d features", Long.valueOf(one))
        : "all features";
  }
}
