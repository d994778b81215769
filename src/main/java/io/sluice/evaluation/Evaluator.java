package io.sluice.evaluation;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.dictionary.ActivationFeed;
import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.ReconstructionSums;
import io.sluice.dictionary.Site;
import io.sluice.dictionary.SiteFeed;
import io.sluice.dictionary.SiteScaling;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.evaluation.measures.FeatureCounts;
import io.sluice.evaluation.measures.MeasureTables;
import io.sluice.evaluation.measures.RowPlaces;
import io.sluice.evaluation.measures.StoreMean;
import io.sluice.evaluation.measures.TokenSums;
import io.sluice.files.AtomicFile;
import io.sluice.memory.GrowingMemory;
import io.sluice.memory.Rows;
import io.sluice.store.ActivationStore;
import io.sluice.store.BatchPlan;
import io.sluice.store.RowFilter;
import io.sluice.store.files.Column;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.function.LongConsumer;

/** Evaluates a dictionary on the tokens of a store. */
public final class Evaluator {
  private static final ObjectMapper JSON = new ObjectMapper();

  private Evaluator() {}

  /**
   * Reads the store once, in its order, from position {@link ActivationStore#firstPosition} of each
   * context on.
   *
   * @throws IllegalArgumentException as the other
   * @throws IOException as the other
   */
  public static Evaluation evaluate(
      Dictionary dictionary,
      ActivationStore store,
      EngineFactory engines,
      int batch,
      long deadWindow,
      LongConsumer progress)
      throws IOException {
    RowFilter rows = RowFilter.fromPosition(store.firstPosition());
    return evaluate(dictionary, store, rows, engines, batch, deadWindow, progress);
  }

  /**
   * Reads the store once, in its order.
   *
   * @param filter selects the rows to use
   * @param batch tokens at once
   * @param deadWindow tokens after which a feature that did not fire counts as dead; all tokens if
   *     there are fewer
   * @param progress called after each batch with the number of tokens done
   * @throws IllegalArgumentException if the store has no such hook point (the message lists those
   *     it has) or its width is not the dictionary's
   * @throws IOException if an activation or a reconstruction is not finite
   */
  public static Evaluation evaluate(
      Dictionary dictionary,
      ActivationStore store,
      RowFilter filter,
      EngineFactory engines,
      int batch,
      long deadWindow,
      LongConsumer progress)
      throws IOException {
    DictionaryConfig config = dictionary.config();
    requireFits(config.inputs(), config.outputs(), store);
    try (Engine engine = dictionary.open(engines)) {
      return evaluate(
          engine,
          config.inputs(),
          config.outputs(),
          config.activation(),
          store,
          filter,
          batch,
          deadWindow,
          progress);
    }
  }

  /** The same for a cross-layer transcoder; every output has its own FVU. */
  public static Evaluation evaluate(
      CrossLayerDictionary dictionary,
      ActivationStore store,
      RowFilter filter,
      EngineFactory engines,
      int batch,
      long deadWindow,
      LongConsumer progress)
      throws IOException {
    requireFits(dictionary.inputs(), dictionary.outputs(), store);
    try (Engine engine = dictionary.open(engines)) {
      return evaluate(
          engine,
          dictionary.inputs(),
          dictionary.outputs(),
          dictionary.layers().getFirst().config().activation(),
          store,
          filter,
          batch,
          deadWindow,
          progress);
    }
  }

  private static Evaluation evaluate(
      Engine engine,
      List<Site> inputs,
      List<Site> outputs,
      ActivationFunction selection,
      ActivationStore store,
      RowFilter filter,
      int batch,
      long deadWindow,
      LongConsumer progress)
      throws IOException {
    int features = engine.spec().features();
    List<SiteScaling> read = SiteScaling.none(inputs);
    List<SiteScaling> written = SiteScaling.none(outputs);
    BatchPlan plan = BatchPlan.sequential(SiteFeed.columns(read, written), batch).where(filter);
    SiteFeed feed = new SiteFeed(store, plan, read, written);
    if (feed.rows() == 0) {
      throw new IllegalArgumentException(
          "%s: none of its %d rows is selected; begin at an earlier position, or capture a longer text"
              .formatted(store.folder(), store.rows()));
    }
    SiteErrors errors = new SiteErrors(outputs.size() > 1 ? outputs : List.of());
    TokenSums measures = new TokenSums(StoreMean.of(store, outputs, filter));
    FeatureCounts counts = new FeatureCounts(features);
    RowPlaces places = new RowPlaces(store, filter);
    GrowingMemory made = new GrowingMemory();
    ReconstructionSums sums = new ReconstructionSums(Site.widths(outputs));
    while (feed.hasNext()) {
      SiteFeed.Pair pair = feed.next();
      Rows rows = pair.target();
      engine.encode(pair.input(), selection);
      sums.add(engine, rows);
      Codes codes = engine.codes();
      places.next(rows.count());
      counts.add(codes, places);
      MemorySegment reconstruction = made.of(rows.count(), rows.width());
      engine.readReconstruction(reconstruction);
      measures.add(rows, reconstruction, codes, places);
      errors.add(reconstruction, rows);
      engine.markFired(sums.tokens());
      progress.accept(sums.tokens());
    }
    if (!Double.isFinite(sums.error())) {
      throw new IOException(
          "the reconstruction is not finite: the dictionary holds NaN or infinity");
    }
    if (!sums.varies()) {
      throw new IOException(
          "%s: all %,d tokens have the same vector in '%s', so there is no variance to"
                  .formatted(store.folder(), sums.tokens(), String.join(", ", Site.names(outputs)))
              + " explain; evaluate on more text");
    }
    long tokens = sums.tokens();
    double fvu = sums.fvu();
    long window = Math.min(deadWindow, tokens);
    int alive = engine.firedSince(tokens - window);
    return new Evaluation(
        null,
        tokens,
        fvu,
        1 - fvu,
        sums.l0(),
        measures.measures(),
        1 - (double) alive / features,
        window,
        FrequencyHistogram.of(counts.fired(), tokens),
        errors.fvus(tokens),
        null,
        null,
        counts,
        measures.byPosition());
  }

  /** Writes {@code evaluation.json} into {@code folder}, as {@link #writeTo} does. */
  public static void write(Evaluation evaluation, Path folder) throws IOException {
    writeTo(evaluation, folder.resolve("evaluation.json"));
  }

  /**
   * Writes an evaluation, and the tables of its features and positions beside it ({@link
   * MeasureTables}), each file atomically.
   *
   * @param file the JSON file
   */
  public static void writeTo(Evaluation evaluation, Path file) throws IOException {
    AtomicFile.write(file, json(evaluation));
    if (evaluation.features() == null) {
      return;
    }
    Evaluation trained = evaluation.trained();
    LossRecovered loss = evaluation.lossRecovered();
    MeasureTables.write(
        MeasureTables.features(file),
        evaluation.features(),
        trained == null ? null : trained.features());
    MeasureTables.write(
        MeasureTables.positions(file),
        evaluation.positions(),
        trained == null ? null : trained.positions(),
        loss == null || loss.effect() == null ? null : loss.effect().byPosition());
  }

  /** The evaluation in the form of {@code evaluation.json}. */
  public static String json(Evaluation evaluation) {
    try {
      return JSON.writerWithDefaultPrettyPrinter().writeValueAsString(evaluation);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void requireFits(List<Site> inputs, List<Site> outputs, ActivationStore store) {
    requireWidths("reads", inputs, store);
    requireWidths("writes", outputs, store);
    if (store.rows() == 0) {
      throw new IllegalArgumentException(store.folder() + ": the store has no rows");
    }
  }

  private static void requireWidths(String does, List<Site> sites, ActivationStore store) {
    for (Site site : sites) {
      Column column = ActivationFeed.activations(store, site.hook());
      if (column.width() != site.width()) {
        throw new IllegalArgumentException(
            "%s: '%s' is %d wide, but the dictionary %s a width of %d"
                .formatted(store.folder(), column.name(), column.width(), does, site.width()));
      }
    }
  }
}
