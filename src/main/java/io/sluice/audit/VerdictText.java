package io.sluice.audit;

import io.sluice.files.Quoted;
import io.sluice.model.HookPoint;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Says a verdict in one sentence, which begins with a verb: its subject is the dictionary.
 *
 * @param promise what the files and the name say
 * @param verdict what was found
 * @param configuration the trial as the configuration says; null if the model has no such place
 * @param beginning whether contexts begin with the token, as the configuration says
 * @param model what the model is called
 * @param layers how many layers it has
 */
record VerdictText(
    Promise promise,
    Verdict verdict,
    Trial configuration,
    boolean beginning,
    String model,
    int layers) {
  /** L0 differs from what is promised if it is so many times as large, or as small. */
  private static final double FAR = 1.5;

  /**
   * The sentence.
   *
   * @param configured measured as the configuration says; null if the model has no such place
   * @param fitting measured where it fits; null if it does nowhere
   * @param results all trials
   * @param factor the constant that makes the mean length {@code √d} where it fits
   */
  String sentence(Measured configured, Measured fitting, List<TrialResult> results, double factor) {
    return switch (verdict.outcome()) {
      case RIGHT ->
          "is where its configuration says, at %s, with FVU %s%s%s%s"
              .formatted(
                  fitting.trial().place(),
                  Audit.number(fitting.fvu()),
                  fitting.fvu() > Verdict.LITTLE ? ", so that it explains little of this text" : "",
                  fitting.trial().normalisation() == Normalisation.CONSTANT
                      ? "; its files lack the scale: convert it with --activation-scale "
                          + scale(factor)
                      : "",
                  l0(fitting));
      case NOWHERE -> nowhere(configured, results);
      case UNNAMED -> fits(fitting) + "; its configuration " + unnamed() + l0(fitting);
      default ->
          "%s; its configuration says %s (FVU %s)%s%s"
              .formatted(
                  fits(fitting),
                  said(fitting.trial()),
                  Audit.number(configured.fvu()),
                  cause(fitting.trial(), factor),
                  l0(fitting));
    };
  }

  private String nowhere(Measured configured, List<TrialResult> results) {
    if (results.isEmpty()) {
      return "fits nowhere: " + model + " has no hook point of its width";
    }
    long places = results.stream().map(result -> result.trial().place()).distinct().count();
    double best = results.stream().mapToDouble(TrialResult::fvu).min().getAsDouble();
    return "fits nowhere: FVU is %s%s at best in %s trials at %s %s, too little to name a cause"
        .formatted(
            configured == null
                ? ""
                : Audit.number(configured.fvu()) + " as its configuration says and ",
            Audit.number(best),
            results.size(),
            places,
            places == 1 ? "place" : "places");
  }

  private String fits(Measured fitting) {
    Trial trial = fitting.trial();
    List<String> ways = new ArrayList<>();
    if (trial.normalisation() != promise.normalisation()) {
      ways.add(trial.normalisation().words());
    }
    if (trial.otherBias()) {
      ways.add(bias(!promise.subtractsBias()));
    }
    if (trial.beginning() != beginning) {
      ways.add(contexts(trial.beginning()));
    }
    return "fits %s%s, with FVU %s"
        .formatted(
            trial.place(),
            ways.isEmpty() ? "" : ", given " + String.join(" and ", ways),
            Audit.number(fitting.fvu()));
  }

  /** Where the configuration says otherwise. */
  private String said(Trial fitting) {
    List<String> said = new ArrayList<>();
    if (!fitting.place().equals(configuration.place())) {
      said.add(named());
    }
    if (fitting.normalisation() != promise.normalisation()) {
      said.add(promise.normalisation().words());
    }
    if (fitting.otherBias()) {
      said.add(bias(promise.subtractsBias()));
    }
    if (fitting.beginning() != beginning) {
      said.add(contexts(beginning));
    }
    return String.join(" and ", said);
  }

  private String named() {
    return promise.reads().equals(promise.writes())
        ? Quoted.of(promise.reads())
        : Quoted.of(promise.reads()) + " to " + Quoted.of(promise.writes());
  }

  private String unnamed() {
    return promise.reads().isEmpty()
        ? "names no hook point"
        : "names " + named() + ", which is no hook point of " + model + " with its width";
  }

  private static String bias(boolean subtracted) {
    return subtracted
        ? "activations less its decoder bias"
        : "activations from which its decoder bias is not subtracted";
  }

  private static String contexts(boolean beginning) {
    return beginning
        ? "contexts that begin with the beginning-of-text token"
        : "contexts without a beginning-of-text token";
  }

  /** The likely cause, where there is a usual one; begins with a colon. */
  private String cause(Trial fitting, double factor) {
    return switch (verdict.outcome()) {
      case OTHER_PLACE, SEVERAL ->
          fitting.place().equals(configuration.place())
              ? ""
              : ": " + placeCause(fitting.place().reads(), configuration.place().reads());
      case OTHER_NORMALISATION -> normalisationCause(fitting, factor);
      case OTHER_BEGINNING ->
          fitting.beginning()
              ? ": it was trained on contexts that begin with that token"
              : ": it was trained on contexts without that token";
      default -> "";
    };
  }

  private String placeCause(HookPoint fitting, HookPoint said) {
    int shift = fitting.layer() - said.layer();
    if (shift == 0) {
      return "another hook point of the layer";
    }
    if (fitting.kind() != said.kind()) {
      return "another hook point of a neighbouring layer";
    }
    if (shift == -1) {
      return fitting.kind().isStream()
          ? "its layers are counted from 1, or it means the stream before the layer"
          : "its layers are counted from 1";
    }
    if (shift == 1) {
      return "it is of the next layer";
    }
    int sum = fitting.layer() + said.layer();
    return sum == layers - 1 || sum == layers
        ? "its layers are counted from the other end"
        : "it is of another layer";
  }

  private String normalisationCause(Trial fitting, double factor) {
    if (fitting.normalisation() == promise.normalisation()) {
      return "";
    }
    return switch (fitting.normalisation()) {
      case NONE -> ": its weights include the normalisation already";
      case CONSTANT ->
          ": its weights do not include the scale; convert it with --activation-scale "
              + scale(factor);
      case UNIT -> ": its files leave out that each token is scaled (constant_norm_rescale)";
      case LAYER_NORM -> ": its files leave out that each token is normalised (layer_norm)";
      case CENTRED -> ": its files leave out that each token is centred";
      case MEAN -> ": the mean was subtracted before it was trained";
    };
  }

  private static String scale(double factor) {
    return String.format(Locale.ROOT, "%.4g", factor);
  }

  private String l0(Measured measured) {
    Double promised = promise.l0();
    if (promised == null || measured.l0() <= FAR * promised && measured.l0() >= promised / FAR) {
      return "";
    }
    return "; L0 is %s, not the %s that its %s promises"
        .formatted(Audit.number(measured.l0()), Audit.number(promised), promise.l0From());
  }
}
