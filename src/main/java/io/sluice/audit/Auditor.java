package io.sluice.audit;

import io.sluice.audit.Activations.Source;
import io.sluice.audit.AuditProgress.Stage;
import io.sluice.engine.EngineFactory;
import io.sluice.model.HookPoint;
import io.sluice.model.capture.ContextSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.text.TextProblems;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Attaches dictionaries to their model, and says of each whether it is where it should be.
 *
 * <pre>{@code
 * try (LoadedModel model = LoadedModel.open(path, Device.CPU)) {
 *   Auditor auditor = new Auditor(model, ContextSpec.of(List.of(text), model), engines);
 *   Audit audit = auditor.audit(List.of(AuditedDictionary.open("theirs", folder)), (s, n, of) -> {});
 *   audit.dictionaries().forEach(found -> System.out.println(found.sentence()));
 * }
 * }</pre>
 *
 * <p>The model runs once. Its activations on the first tokens, at all hook points that are tried,
 * stay in memory for the search; of the others only those at the places of the verdicts are kept, a
 * part at a time. Nothing is written.
 */
public final class Auditor {
  /** Tokens on which all places and normalisations are tried. */
  private static final int SEARCH_TOKENS = 512;

  /** Fewer tokens say nothing. */
  private static final int FEWEST_TOKENS = 64;

  private static final int PART_TOKENS = 1 << 16;

  /** Bytes of activations that are kept at once. */
  private static final long MEMORY = 1L << 30;

  private final LoadedModel model;
  private final ContextSpec contexts;
  private final EngineFactory engines;
  private final Collection<HookPoint> more;
  private TextProblems problems;

  /** An auditor that tries the places that configurations name, and those nearby. */
  public Auditor(LoadedModel model, ContextSpec contexts, EngineFactory engines) {
    this(model, contexts, engines, List.of());
  }

  /**
   * @param model the model, which the caller closes
   * @param contexts the texts, and how many of their tokens are measured; contexts do not overlap
   * @param engines what computes dictionaries
   * @param more hook points at which autoencoders are tried as well
   */
  public Auditor(
      LoadedModel model, ContextSpec contexts, EngineFactory engines, Collection<HookPoint> more) {
    this.model = model;
    this.contexts = contexts;
    this.engines = engines;
    this.more = List.copyOf(more);
  }

  /** The problems in the texts of the latest audit; null before the first. */
  public TextProblems problems() {
    return problems;
  }

  /**
   * Audits dictionaries, one after the other on the same tokens.
   *
   * @param progress told after each batch of tokens and after each trial
   * @throws IOException if a dictionary or a text cannot be read, the text is too short, or an
   *     activation is not finite
   * @throws IllegalArgumentException if the context is longer than the model takes
   */
  public Audit audit(List<AuditedDictionary> dictionaries, AuditProgress progress)
      throws IOException {
    List<DictionarySearch> searches = new ArrayList<>();
    Set<HookPoint> points = new TreeSet<>();
    for (AuditedDictionary dictionary : dictionaries) {
      Places places = Places.of(dictionary.config(), model, more);
      searches.add(new DictionarySearch(dictionary, places, model));
      points.addAll(Places.points(places.all()));
    }
    Map<Source, Integer> tried = new TreeMap<>();
    for (boolean beginning : Beginnings.of(model).ways()) {
      points.forEach(
          point -> tried.put(new Source(beginning, point), model.transformer().width(point)));
    }
    long searched;
    long measured;
    Map<Source, PlaceDimension> dimensions = new TreeMap<>();
    try (AuditContexts reader = AuditContexts.open(model, contexts, SEARCH_TOKENS)) {
      searched = search(reader, tried, searches, dimensions, progress);
      measured = searched + measure(reader, searches, dimensions, searched, progress);
      problems = reader.problems();
    } finally {
      dimensions.values().forEach(PlaceDimension::close);
    }
    List<Finding> findings = new ArrayList<>();
    for (DictionarySearch search : searches) {
      findings.add(search.finding(dimensions));
    }
    return new Audit(model.name(), contexts.texts().name(), measured, searched, findings);
  }

  /** Tries everything on the first tokens; returns how many they were. */
  private long search(
      AuditContexts reader,
      Map<Source, Integer> tried,
      List<DictionarySearch> searches,
      Map<Source, PlaceDimension> dimensions,
      AuditProgress progress)
      throws IOException {
    int wanted = (int) Math.min(SEARCH_TOKENS, contexts.tokens());
    try (Activations sample = read(reader, tried, wanted, 0, Stage.READ, progress)) {
      if (sample.tokens() < FEWEST_TOKENS) {
        throw new IOException(
            "%s: has %s tokens that can be measured, of %s asked for; an audit needs %s, give more"
                .formatted(contexts.texts().name(), sample.tokens(), asked(), FEWEST_TOKENS));
      }
      Map<Source, PlaceStatistics> statistics = new TreeMap<>();
      for (Source source : sample.sources()) {
        statistics.put(source, PlaceStatistics.of(sample.rows(source)));
      }
      long total = searches.stream().mapToLong(DictionarySearch::mostTrials).sum();
      long done = 0;
      for (DictionarySearch search : searches) {
        long before = done;
        search.search(
            sample,
            statistics,
            engines,
            trials -> progress.at(Stage.SEARCH, before + trials, total));
        done += search.mostTrials();
      }
      for (Source source : followed(searches).keySet()) {
        PlaceDimension dimension = new PlaceDimension(tried.get(source));
        dimensions.put(source, dimension);
        dimension.add(sample.rows(source));
      }
      return sample.tokens();
    }
  }

  private String asked() {
    return contexts.tokens() == Long.MAX_VALUE ? "all" : String.valueOf(contexts.tokens());
  }

  /** Measures what is followed on the tokens that are left; returns how many they were. */
  private long measure(
      AuditContexts reader,
      List<DictionarySearch> searches,
      Map<Source, PlaceDimension> dimensions,
      long before,
      AuditProgress progress)
      throws IOException {
    Map<Source, Integer> followed = followed(searches);
    long tokens = 0;
    boolean more = !followed.isEmpty();
    while (more) {
      try (Activations part =
          read(reader, followed, PART_TOKENS, before + tokens, Stage.MEASURE, progress)) {
        more = part.tokens() > 0;
        if (more) {
          for (DictionarySearch search : searches) {
            search.measure(part, engines);
          }
          dimensions.forEach((source, dimension) -> dimension.add(part.rows(source)));
          tokens += part.tokens();
        }
      }
    }
    return tokens;
  }

  /** The sources that trials read and write which are measured on all tokens. */
  private Map<Source, Integer> followed(List<DictionarySearch> searches) {
    Map<Source, Integer> followed = new TreeMap<>();
    for (DictionarySearch search : searches) {
      for (Trial trial : search.followed()) {
        for (HookPoint point : List.of(trial.place().reads(), trial.place().writes())) {
          followed.put(new Source(trial.beginning(), point), model.transformer().width(point));
        }
      }
    }
    return followed;
  }

  /** Reads about so many tokens, or as many as memory holds; none where there are none left. */
  private Activations read(
      AuditContexts reader,
      Map<Source, Integer> sources,
      int wanted,
      long before,
      Stage stage,
      AuditProgress progress)
      throws IOException {
    long fitting = MEMORY / Math.max(1, Activations.bytesPerToken(sources));
    int enough = (int) Math.max(Math.min(wanted, fitting), FEWEST_TOKENS);
    Activations activations = new Activations(sources, enough + reader.batchTokens());
    try {
      // Half a batch too few is closer than half a batch too many, but no batch is none.
      while (activations.tokens() < Math.max(1, enough - reader.batchTokens() / 2)
          && reader.next(activations)) {
        long all = contexts.tokens() == Long.MAX_VALUE ? 0 : contexts.tokens();
        progress.at(
            stage,
            before + activations.tokens(),
            stage == Stage.READ ? Math.max(wanted, activations.tokens()) : all);
      }
      return activations;
    } catch (IOException | RuntimeException | Error e) {
      activations.close();
      throw e;
    }
  }
}
