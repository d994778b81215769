package io.sluice.cli.options;

import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.training.config.Remedies;
import picocli.CommandLine.Option;

/** Options for remedies against dead features, except start, centring and optimiser. */
@Grouped(OptionGroup.REMEDIES)
public final class RemedyOptions {
  @Option(
      names = "--whiten",
      description =
          "Train on the principal components of the input, each scaled to unit variance. At "
              + "the end, fold this map into the dictionary.")
  private boolean whiten;

  @Option(
      names = "--whiten-floor",
      paramLabel = "SHARE",
      defaultValue = "" + Remedies.WHITEN_FLOOR,
      description =
          "With --whiten, raise smaller variances to this share of the largest (default: 1e-6).")
  private double whitenFloor;

  @Option(
      names = "--constrain",
      paramLabel = "N|auto",
      description =
          "Train in the top N directions of the input only; auto takes as many as hold --tau "
              + "of the variance. The other directions are replaced by their mean. "
              + "This saves time and memory.")
  private String constrain;

  @Option(
      names = "--auxk",
      paramLabel = "N|auto",
      description =
          "Let the N largest dead features of each token learn the residual (AuxK); auto takes "
              + "half the width.")
  private String auxK;

  @Option(
      names = "--auxk-weight",
      paramLabel = "WEIGHT",
      defaultValue = "" + Remedies.AUX_WEIGHT,
      description = "Give the AuxK loss this weight (default: 1/32).")
  private double auxWeight;

  @Option(
      names = "--resample-every",
      paramLabel = "N",
      defaultValue = "0",
      description =
          "Restart dead features at badly reconstructed inputs every N steps (default: never).")
  private long resampleEvery;

  @Option(
      names = "--resample-until",
      paramLabel = "N",
      defaultValue = "0",
      description = "Resample for the last time at step N (default: half of the run).")
  private long resampleUntil;

  /**
   * The remedies that the options select.
   *
   * @param tau the share of the variance that {@code auto} stands for
   * @param deadAfter tokens without firing that make a feature dead; 0 where not given
   * @throws IllegalArgumentException if a value is none
   */
  public Remedies remedies(double tau, long deadAfter) {
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
      remedies = remedies.withAuxK(auxK.equals("auto") ? 0 : count("--auxk", auxK), auxWeight);
    }
    if (resampleEvery != 0) {
      remedies = remedies.resampled(resampleEvery, resampleUntil);
    } else if (resampleUntil != 0) {
      throw new IllegalArgumentException("--resample-until needs --resample-every");
    }
    if (auxK == null && resampleEvery == 0 && deadAfter != 0) {
      throw new IllegalArgumentException("--dead-after needs --auxk or --resample-every");
    }
    return deadAfter == 0 ? remedies : remedies.deadAfter(deadAfter);
  }

  private static int count(String option, String number) {
    if (!number.matches("[1-9]\\d{0,8}")) {
      throw new IllegalArgumentException(
          option + " must be a number, at least 1, or auto, not '" + number + "'");
    }
    return Integer.parseInt(number);
  }

  /** The part of a run's name about the remedies. */
  public static String title(Remedies remedies) {
    return (remedies.whiten() ? ", whitened" : "")
        + (remedies.constrain() ? ", constrained" : "")
        + (remedies.usesAuxK() ? ", AuxK" : "")
        + (remedies.resampleEvery() > 0 ? ", resampled" : "");
  }
}
