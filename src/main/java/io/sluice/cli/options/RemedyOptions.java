package io.sluice.cli.options;

import io.sluice.training.config.Remedies;
import picocli.CommandLine.Option;

/** What is done against dead features besides start, centring and optimiser. */
public final class RemedyOptions {
  @Option(
      names = "--whiten",
      description =
          "Train on the principal components of the input, each scaled to unit variance; "
              + "the map is folded into the dictionary at the end.")
  private boolean whiten;

  @Option(
      names = "--whiten-floor",
      paramLabel = "SHARE",
      defaultValue = "" + Remedies.WHITEN_FLOOR,
      description =
          "With --whiten: smaller variances count as this share of the largest (default: "
              + "${DEFAULT-VALUE}).")
  private double whitenFloor;

  @Option(
      names = "--constrain",
      paramLabel = "N|auto",
      description =
          "Train in the top N directions of the input only; the rest passes as its mean. "
              + "auto: as many as hold --tau of the variance. Saves time and memory; what lies "
              + "outside is not reconstructed.")
  private String constrain;

  @Option(
      names = "--auxk",
      paramLabel = "N|auto",
      description =
          "AuxK: the N largest dead features of each token learn what the others leave "
              + "over. auto: half the width.")
  private String auxK;

  @Option(
      names = "--auxk-weight",
      paramLabel = "WEIGHT",
      defaultValue = "" + Remedies.AUX_WEIGHT,
      description = "Weight of the AuxK loss (default: 1/32).")
  private double auxWeight;

  @Option(
      names = "--resample-every",
      paramLabel = "STEPS",
      defaultValue = "0",
      description =
          "Steps between resamplings, at which dead features start anew at inputs that "
              + "are reconstructed badly (default: never).")
  private long resampleEvery;

  @Option(
      names = "--resample-until",
      paramLabel = "STEP",
      defaultValue = "0",
      description = "Last step at which features are resampled (default: half of the run).")
  private long resampleUntil;

  @Option(
      names = "--dead-after",
      paramLabel = "N",
      defaultValue = "0",
      description =
          "Tokens without firing after which AuxK and resampling count a feature as dead "
              + "(default: --dead-window).")
  private long deadAfter;

  /**
   * What was asked for.
   *
   * @param tau the share of the variance that {@code auto} stands for
   * @throws IllegalArgumentException if a value is none
   */
  public Remedies remedies(double tau) {
    Remedies remedies = Remedies.NONE;
    if (whiten) {
      remedies = remedies.whitened(whitenFloor);
    }
    if (constrain != null) {
      remedies =
          remedies.constrainedTo(
              constrain.equals("auto") ? 0 : count("--constrain", constrain), tau);
    }
    if (auxK != null) {
      remedies = remedies.revived(auxK.equals("auto") ? 0 : count("--auxk", auxK), auxWeight);
    }
    if (resampleEvery != 0) {
      remedies = remedies.resampled(resampleEvery, resampleUntil);
    } else if (resampleUntil != 0) {
      throw new IllegalArgumentException("--resample-until goes with --resample-every");
    }
    if (auxK == null && resampleEvery == 0 && deadAfter != 0) {
      throw new IllegalArgumentException("--dead-after goes with --auxk or --resample-every");
    }
    return deadAfter == 0 ? remedies : remedies.deadAfter(deadAfter);
  }

  private static int count(String option, String number) {
    if (!number.matches("[1-9]\\d{0,8}")) {
      throw new IllegalArgumentException(
          option + " takes a number, at least 1, or auto, not '" + number + "'");
    }
    return Integer.parseInt(number);
  }

  /** What a run's name says of them. */
  public static String title(Remedies remedies) {
    return (remedies.whiten() ? ", whitened" : "")
        + (remedies.constrain() ? ", constrained" : "")
        + (remedies.revive() ? ", AuxK" : "")
        + (remedies.resampleEvery() > 0 ? ", resampled" : "");
  }
}
