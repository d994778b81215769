package io.sluice.evaluation;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.dictionary.CrossLayerDictionary;
import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.Site;
import io.sluice.engine.EngineFactory;
import io.sluice.evaluation.measures.FeatureCounts;
import io.sluice.evaluation.measures.MeasureTables;
import io.sluice.evaluation.measures.StoreMean;
import io.sluice.evaluation.measures.SumPart;
import io.sluice.files.AtomicFile;
import io.sluice.store.ActivationStore;
import io.sluice.store.RowFilter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
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
    EvaluatedDictionary subject = EvaluatedDictionary.of(dictionary);
    return evaluate(
        new EvaluationPlan(subject, store, filter, batch, deadWindow), engines, progress);
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
    EvaluatedDictionary subject = EvaluatedDictionary.of(dictionary);
    return evaluate(
        new EvaluationPlan(subject, store, filter, batch, deadWindow), engines, progress);
  }

  /**
   * Reads the store of a plan once, in its order.
   *
   * @param progress called after each batch with the number of tokens done
   * @throws IllegalArgumentException if no row is selected
   * @throws IOException as the others
   */
  public static Evaluation evaluate(
      EvaluationPlan plan, EngineFactory engines, LongConsumer progress) throws IOException {
    List<Site> outputs = plan.subject().outputs();
    try (EvaluationPass pass = plan.open(engines)) {
      double[] mean = StoreMean.of(plan.store(), outputs, plan.filter());
      List<SumPart> sums = new ArrayList<>(1);
      FeatureCounts counts =
          pass.run(
              0,
              pass.blocks(),
              mean,
              (block, part) -> sums.add(block == 0 ? part : sums.removeLast().then(part)),
              progress);
      return plan.result(EvaluationSums.of(outputs, sums.getFirst().numbers()), counts);
    }
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
}
