package io.sluice.audit;

import io.sluice.audit.Activations.Source;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.EngineFactory;
import io.sluice.geometry.Spectrum;
import io.sluice.model.loading.LoadedModel;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;

/** The trials of one dictionary, and what came of them. */
final class DictionarySearch {
  private final AuditedDictionary dictionary;
  private final Places places;
  private final List<Boolean> ways;
  private final int normalisations;
  private final boolean beginning;
  private final Trial configuration;
  private final String model;
  private final int layers;
  private final List<TrialResult> results = new ArrayList<>();

  /** The sums of the trials that are measured on all tokens. */
  private final Map<Trial, TrialSums> followed = new LinkedHashMap<>();

  private Map<Source, PlaceStatistics> statistics;
  private Verdict verdict;

  DictionarySearch(AuditedDictionary dictionary, Places places, LoadedModel model) {
    this.dictionary = dictionary;
    this.places = places;
    this.model = model.name();
    this.layers = model.transformer().shape().layers();
    Promise promise = dictionary.promise();
    normalisations = Normalisation.tried(promise.normalisation()).size();
    ways = Beginnings.of(model).ways();
    boolean said = promise.beginning() == null ? model.beginsContexts() : promise.beginning();
    beginning = ways.contains(said) ? said : ways.getFirst();
    configuration =
        places.named() == null
            ? null
            : new Trial(places.named(), beginning, promise.normalisation(), false);
  }

  /** How many trials there are at most. */
  long mostTrials() {
    return 2L * places.all().size() * ways.size() * normalisations;
  }

  /**
   * Tries everything.
   *
   * @param sample activations at all places
   * @param known of all sources
   * @param progress told how many trials are done
   */
  void search(
      Activations sample,
      Map<Source, PlaceStatistics> known,
      EngineFactory engines,
      LongConsumer progress)
      throws IOException {
    statistics = known;
    if (places.all().isEmpty()) {
      verdict = new Verdict(Outcome.NOWHERE, null, null);
      return;
    }
    Map<Trial, TrialSums> sums = new LinkedHashMap<>();
    try (TrialRunner runner = new TrialRunner(dictionary.read(), engines)) {
      for (Trial trial : trials(runner)) {
        TrialSums of = new TrialSums(trial, dictionary.config().outputWidth());
        try {
          runner.run(of, sample, known);
        } catch (IllegalArgumentException e) {
          // A token of zeros has no direction, so this normalisation cannot be.
          continue;
        }
        TrialResult result = of.result(dictionary.config().features());
        if (Double.isFinite(result.fvu())) {
          sums.put(trial, of);
          results.add(result);
        }
        progress.accept(results.size());
      }
    }
    verdict =
        Verdict.of(results, places, configuration, beginning, dictionary.promise().normalisation());
    for (Trial trial : verdict.followed()) {
      followed.put(trial, sums.get(trial));
    }
  }

  private List<Trial> trials(TrialRunner runner) {
    List<Trial> trials = new ArrayList<>();
    boolean[] biases = runner.hasOtherBias() ? new boolean[] {false, true} : new boolean[] {false};
    for (boolean way : ways) {
      for (Place place : places.all()) {
        for (Normalisation normalisation : runner.normalisations()) {
          for (boolean other : biases) {
            trials.add(new Trial(place, way, normalisation, other));
          }
        }
      }
    }
    return trials;
  }

  /** The trials that are measured on all tokens. */
  List<Trial> followed() {
    return List.copyOf(followed.keySet());
  }

  /** Measures those on more tokens. */
  void measure(Activations part, EngineFactory engines) throws IOException {
    if (followed.isEmpty()) {
      return;
    }
    try (TrialRunner runner = new TrialRunner(dictionary.read(), engines)) {
      for (TrialSums sums : followed.values()) {
        runner.run(sums, part, statistics);
      }
    }
  }

  /** What was found, with the dimensions of the places that were measured. */
  Finding finding(Map<Source, PlaceDimension> dimensions) {
    DictionaryConfig config = dictionary.config();
    Measured configured = measured(verdict.configured(), dimensions);
    Measured fitting = measured(verdict.fitting(), dimensions);
    double factor =
        verdict.fitting() == null
            ? 1
            : statistics.get(source(verdict.fitting().trial())).constant();
    String sentence =
        new VerdictText(dictionary.promise(), verdict, configuration, beginning, model, layers)
            .sentence(configured, fitting, results, factor);
    return new Finding(
        dictionary.name(),
        config.features(),
        config.inputWidth(),
        config.activation().label(),
        dictionary.promise(),
        verdict.outcome(),
        sentence,
        configured,
        fitting,
        results);
  }

  private Measured measured(TrialResult result, Map<Source, PlaceDimension> dimensions) {
    if (result == null) {
      return null;
    }
    TrialSums sums = followed.get(result.trial());
    Spectrum spectrum = dimensions.get(source(result.trial())).spectrum();
    return new Measured(
        result.trial(),
        sums.tokens(),
        sums.fvu(),
        sums.l0(),
        1 - (double) sums.fired() / dictionary.config().features(),
        spectrum.width(),
        spectrum.effectiveRank(),
        spectrum.intrinsicDimension(Audit.TAU));
  }

  private static Source source(Trial trial) {
    return new Source(trial.beginning(), trial.place().reads());
  }
}
