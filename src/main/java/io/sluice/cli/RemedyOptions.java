package io.sluice.cli;

import io.sluice.training.Remedies;
import picocli.CommandLine.Option;

/** What is done against dead features besides start, centring and optimiser. */
final class RemedyOptions {
  @Option(
      names = "--whiten",
      description = {
        "Let training see the input by its principal components, each scaled",
        "to unit variance; folded into the dictionary at the end."
      })
  private boolean whiten;

  @Option(
      names = "--whiten-floor",
      paramLabel = "SHARE",
      defaultValue = "" + Remedies.WHITEN_FLOOR,
      description = {
        "Variances below this share of the largest count as that",
        "(default: ${DEFAULT-VALUE})."
      })
  private double whitenFloor;

  @Option(
      names = "--constrain",
      paramLabel = "N|auto",
      description = {
        "Train in the top N directions of the input alone, the rest passing as",
        "its mean; auto takes as many as hold --tau of the variance. Saves time",
        "and memory, costs what lies outside."
      })
  private String constrain;

  /**
   * What was asked for.
   *
   * @param tau the share of the variance that {@code auto} stands for
   * @throws IllegalArgumentException if a value is none
   */
  Remedies remedies(double tau) {
    Remedies remedies = Remedies.NONE;
    if (whiten) {
      remedies = remedies.whitened(whitenFloor);
    }
    return constrain == null ? remedies : constrained(remedies, constrain, tau);
  }

  private static Remedies constrained(Remedies remedies, String directions, double tau) {
    if (directions.equals("auto")) {
      return remedies.constrainedTo(0, tau);
    }
    if (!directions.matches("[1-9]\\d{0,8}")) {
      throw new IllegalArgumentException(
          "--constrain takes a number of directions, at least 1, or auto, not '"
              + directions
              + "'");
    }
    return remedies.constrainedTo(Integer.parseInt(directions), tau);
  }

  /** What a run's name says of them. */
  static String title(Remedies remedies) {
    return (remedies.whiten() ? ", whitened" : "") + (remedies.constrain() ? ", constrained" : "");
  }
}
