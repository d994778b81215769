package io.sluice.cli.results;

import io.sluice.engine.EngineFactory;
import io.sluice.evaluation.EvaluatedDictionary;
import io.sluice.evaluation.EvaluationPlan;
import io.sluice.evaluation.measures.StoreMean;
import io.sluice.store.ActivationStore;
import io.sluice.store.RowFilter;
import java.util.function.Function;

/**
 * What {@code sluice evaluate} measures.
 *
 * @param subject the dictionary
 * @param store the activations
 * @param engines run it
 * @param rows the rows for each value of {@code --rows}
 * @param batch tokens at once
 * @param deadWindow tokens after which a feature that did not fire counts as dead
 * @param verified whether files are compared with their checksums before they are used
 */
public record DictionaryMeasuring(
    EvaluatedDictionary subject,
    ActivationStore store,
    EngineFactory engines,
    Function<String, RowFilter> rows,
    int batch,
    long deadWindow,
    boolean verified) {
  /**
   * The evaluation on some rows.
   *
   * @param which a value of {@code --rows}
   * @throws IllegalArgumentException if the dictionary does not fit the store
   */
  public EvaluationPlan plan(String which) {
    return new EvaluationPlan(subject, store, rows.apply(which), batch, deadWindow);
  }

  /** The sums of what the dictionary writes, over some rows. */
  public StoreMean outputs(String which) {
    return new StoreMean(store, subject.outputs(), plan(which).filter());
  }
}
