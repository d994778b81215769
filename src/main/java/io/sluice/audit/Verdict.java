package io.sluice.audit;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * What follows from the trials of a dictionary.
 *
 * @param outcome what was found
 * @param configured the trial as its configuration says; null if the model has no such place
 * @param fitting the trial that fits: {@code configured} where that one does; null if none does
 */
record Verdict(Outcome outcome, TrialResult configured, TrialResult fitting) {
  /** Up to this FVU a dictionary fits; above it explains little. */
  static final double LITTLE = 0.6;

  /** Up to this one it fits if it stands out ... */
  private static final double MOST = 0.9;

  /** ... from all other places, whose FVU is larger by this factor. */
  private static final double STANDS_OUT = 1.1;

  /** A difference from the configuration counts if it makes the FVU smaller by this factor ... */
  private static final double SMALLER = 0.75;

  /** ... where the FVU is not close to 0 anyway. */
  private static final double CLOSE = 0.02;

  /**
   * The verdict on trials. Each difference from the configuration has to pay for itself, so that
   * none is named that does not matter.
   *
   * @param results trials with a finite FVU
   * @param configuration the trial as the configuration says; null if the model has no such place
   * @param beginning whether contexts begin with the token, as the configuration says
   * @param normalisation that of the configuration
   */
  static Verdict of(
      List<TrialResult> results,
      Places places,
      Trial configuration,
      boolean beginning,
      Normalisation normalisation) {
    TrialResult configured =
        results.stream()
            .filter(result -> result.trial().equals(configuration))
            .findFirst()
            .orElse(null);
    Optional<TrialResult> best =
        results.stream()
            .min(
                Comparator.comparingDouble(
                    result ->
                        (result.fvu() + CLOSE)
                            / Math.pow(
                                SMALLER,
                                changes(result.trial(), places, beginning, normalisation))));
    if (best.isEmpty() || !fits(best.get(), results)) {
      return new Verdict(Outcome.NOWHERE, configured, null);
    }
    TrialResult fitting = best.get();
    return fitting.equals(configured)
        ? new Verdict(Outcome.RIGHT, configured, configured)
        : new Verdict(outcome(fitting.trial(), configuration), configured, fitting);
  }

  private static boolean fits(TrialResult best, List<TrialResult> results) {
    Trial trial = best.trial();
    return best.fvu() <= LITTLE
        || best.fvu() <= MOST
            && results.stream()
                .filter(
                    other ->
                        other.trial().beginning() == trial.beginning()
                            && other.trial().normalisation() == trial.normalisation()
                            && other.trial().otherBias() == trial.otherBias()
                            && !other.trial().place().equals(trial.place()))
                .allMatch(other -> other.fvu() >= STANDS_OUT * best.fvu());
  }

  private static int changes(
      Trial trial, Places places, boolean beginning, Normalisation normalisation) {
    // The mean that is added back explains a part of the variance at any place.
    int ofNormalisation = trial.normalisation() == Normalisation.MEAN ? 2 : 1;
    return places.distance(trial.place())
        + (trial.beginning() == beginning ? 0 : 1)
        + (trial.normalisation() == normalisation ? 0 : ofNormalisation)
        + (trial.otherBias() ? 1 : 0);
  }

  private static Outcome outcome(Trial fitting, Trial configuration) {
    if (configuration == null) {
      return Outcome.UNNAMED;
    }
    List<Outcome> differences = new ArrayList<>();
    if (!fitting.place().equals(configuration.place())) {
      differences.add(Outcome.OTHER_PLACE);
    }
    if (fitting.normalisation() != configuration.normalisation() || fitting.otherBias()) {
      differences.add(Outcome.OTHER_NORMALISATION);
    }
    if (fitting.beginning() != configuration.beginning()) {
      differences.add(Outcome.OTHER_BEGINNING);
    }
    return differences.size() == 1 ? differences.getFirst() : Outcome.SEVERAL;
  }

  /** The trials that are worth measuring on all tokens. */
  List<Trial> followed() {
    List<Trial> followed = new ArrayList<>();
    if (configured != null) {
      followed.add(configured.trial());
    }
    if (fitting != null && (configured == null || !fitting.trial().equals(configured.trial()))) {
      followed.add(fitting.trial());
    }
    return followed;
  }
}
