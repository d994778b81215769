package io.sluice.spark;

import io.sluice.cli.Main;
import io.sluice.cli.results.DictionaryMeasuring;
import io.sluice.evaluation.EvaluationPass;
import io.sluice.evaluation.measures.FeatureCounts;
import io.sluice.evaluation.measures.FiringPart;
import io.sluice.evaluation.measures.StoreMean;
import io.sluice.evaluation.measures.SumPart;
import io.sluice.spark.InOrder.Key;
import io.sluice.spark.storage.StorePlace;
import java.io.IOException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.spark.util.LongAccumulator;
import scala.Tuple2;

/**
 * What an executor does for {@link ClusterEvaluate}, with the dictionary read once in its process
 * and one task at a time.
 */
final class EvaluateTask {
  /** Features that are counted together on their way to the driver. */
  static final int FEATURES = 1 << 16;

  /** Sums that are added up together. */
  private static final int SUMS = 1 << 12;

  private static final Map<List<String>, EvaluateTask> OPEN = new HashMap<>();

  private final DictionaryMeasuring measuring;
  private String rows;
  private StoreMean outputs;
  private EvaluationPass pass;

  private EvaluateTask(DictionaryMeasuring measuring) {
    this.measuring = measuring;
  }

  /**
   * The task of a command line; dictionary and store stay open as long as the process lives.
   *
   * @param place where the store is
   * @throws IOException if this executor does not see them, or they are damaged
   */
  static synchronized EvaluateTask of(List<String> words, StorePlace place) throws IOException {
    EvaluateTask open = OPEN.get(words);
    if (open == null) {
      ExecutorPath.requireThoseOf(words, "--dictionary", "--store");
      open = new EvaluateTask(Main.parsed(new ClusterEvaluate(), words).measuringHere(place));
      OPEN.put(words, open);
    }
    return open;
  }

  /**
   * Sums what the dictionary writes over a range of blocks.
   *
   * @param which a value of {@code --rows}
   * @param verified whether the shards that begin there are compared with their checksums
   * @param required what this executor has to have
   */
  synchronized Iterator<Tuple2<Key, SumPart>> outputs(
      String which, TaskRange range, boolean verified, MixedExecutors.Required required)
      throws IOException {
    required.check();
    choose(which);
    if (outputs == null) {
      outputs = measuring.outputs(which);
    }
    if (verified) {
      measuring.store().verify(outputs.start(range.from()), outputs.start(range.to()));
    }
    List<Tuple2<Key, SumPart>> parts = new ArrayList<>();
    for (int block = range.from(); block < range.to(); block++) {
      put(new SumPart(outputs.sums(block)), 0, block, parts);
    }
    return parts.iterator();
  }

  /**
   * Measures the dictionary on a range of blocks.
   *
   * @param which a value of {@code --rows}
   * @param mean of what it writes, over all blocks
   * @param required what this executor has to have
   * @return the firings, by the number of {@value #FEATURES} features, and after them the sums
   */
  synchronized Iterator<Tuple2<Key, Serializable>> measures(
      String which,
      TaskRange range,
      double[] mean,
      MixedExecutors.Required required,
      LongAccumulator tokens)
      throws IOException {
    required.check();
    choose(which);
    if (pass == null) {
      pass = measuring.plan(which).open(measuring.engines());
    }
    int slots = Math.ceilDiv(measuring.subject().features(), FEATURES);
    List<Tuple2<Key, Serializable>> parts = new ArrayList<>();
    long[] done = new long[1];
    FeatureCounts counts =
        pass.run(
            range.from(),
            range.to(),
            mean,
            (block, sums) -> put(sums, slots, block, parts),
            now -> {
              tokens.add(now - done[0]);
              done[0] = now;
            });
    int slot = 0;
    for (FiringPart part : counts.parts(FEATURES)) {
      parts.add(new Tuple2<>(new Key(slot++, range.from()), part));
    }
    return parts.iterator();
  }

  private static <V extends Serializable> void put(
      SumPart sums, int slot, int block, List<Tuple2<Key, V>> parts) {
    int next = slot;
    for (SumPart part : sums.parts(SUMS)) {
      @SuppressWarnings("unchecked")
      V value = (V) part;
      parts.add(new Tuple2<>(new Key(next++, block), value));
    }
  }

  /** Closes what is open of other rows. */
  private void choose(String which) {
    if (!which.equals(rows)) {
      if (pass != null) {
        pass.close();
      }
      pass = null;
      outputs = null;
      rows = which;
    }
  }
}
