package io.sluice.spark;

import io.sluice.cli.EvaluateCommand;
import io.sluice.cli.console.Progress;
import io.sluice.cli.help.Examples;
import io.sluice.cli.hub.HubFiles;
import io.sluice.cli.options.MeasuredStore;
import io.sluice.cli.results.DictionaryMeasuring;
import io.sluice.evaluation.Evaluation;
import io.sluice.evaluation.EvaluationPlan;
import io.sluice.evaluation.measures.FiringPart;
import io.sluice.evaluation.measures.StoreMean;
import io.sluice.evaluation.measures.SumPart;
import io.sluice.spark.storage.CacheOptions;
import io.sluice.spark.storage.StorePlace;
import io.sluice.store.ActivationStore;
import java.io.Closeable;
import java.io.IOException;
import java.io.Serializable;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.Stream;
import org.apache.spark.api.java.function.Function2;
import org.apache.spark.util.LongAccumulator;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import scala.Tuple2;

/**
 * {@code sluice-spark evaluate}: a task for each block of batches of a store. Sums of blocks are
 * added in their order, as on one machine; firings are counted in executors, some features in each.
 */
@Command(
    customSynopsis = {
      "sluice-spark evaluate --dictionary DIR --store DIR [OPTION...] [-- SPARK-OPTION...]"
    },
    description = {
      "Measure a dictionary on the tokens of a store, on a cluster.",
      "Dictionary and store are on paths that every executor sees. The store may also be on a file "
          + "system of Hadoop, such as s3a://bucket/store; each machine then needs room for all of it "
          + "in --cache. The result is that of 'sluice "
          + "evaluate', bit for bit, for any number of executors and cores, also if tasks fail or "
          + "run twice. An executor process has the dictionary once and runs one task at a time, on "
          + "all its cores. What --model and --text measure is measured by the driver."
    })
@Examples(
    "sluice-spark evaluate --dictionary /shared/runs/asi --store /shared/activations "
        + "--master spark://host:7077")
public final class ClusterEvaluate extends EvaluateCommand {
  @Mixin private MixedExecutors mixed;

  @Mixin private CacheOptions cache;

  private StorePlace place;
  private Cluster cluster;
  private LongAccumulator tokens;
  private boolean read;
  private MixedExecutors.Required required;

  @Override
  protected ActivationStore open(MeasuredStore from) throws IOException {
    // Each task compares the shards that it reads.
    place = StorePlace.of(address("--store"), from.folder(), cache.settings(this), from.reading());
    return place.held(given("--model"), from.isCompared());
  }

  @Override
  protected ActivationStore openPart(MeasuredStore from) throws IOException {
    return place.held(false, from.isCompared());
  }

  @Override
  protected Closeable begin(ActivationStore activations) {
    cluster = Cluster.open("sluice evaluate on " + activations.folder());
    return cluster::close;
  }

  /**
   * What is measured, opened in the process of an executor.
   *
   * @param from where the driver has found the store
   */
  DictionaryMeasuring measuringHere(StorePlace from) throws IOException {
    place = from;
    return measuring();
  }

  @Override
  protected double[] mean(DictionaryMeasuring task, String which) throws IOException {
    List<TaskRange> ranges = TaskRange.of(task.outputs(which).blocks());
    List<String> words = HubFiles.pinned(words());
    StorePlace from = place;
    boolean verified = task.verified() && !read;
    MixedExecutors.Required same = required();
    List<Tuple2<Integer, SumPart>> found =
        cluster.run(
            context -> {
              context.setCallSite("means");
              return InOrder.joined(
                      context
                          .parallelize(ranges, ranges.size())
                          .setName("blocks")
                          .flatMapToPair(
                              range ->
                                  EvaluateTask.of(words, from)
                                      .outputs(which, range, verified, same)),
                      1,
                      SumPart::then)
                  .setName("means")
                  .collect();
            });
    read = true;
    return StoreMean.ofSums(sums(found, slot -> true).numbers());
  }

  @Override
  protected Evaluation measure(DictionaryMeasuring task, String which, Progress progress)
      throws IOException {
    EvaluationPlan plan = task.plan(which);
    List<TaskRange> ranges = TaskRange.of(plan.blocks());
    if (tokens == null) {
      tokens = cluster.counter("tokens", progress);
    }
    LongAccumulator counter = tokens;
    double[] mean = mean(task, which);
    List<String> words = HubFiles.pinned(words());
    StorePlace from = place;
    MixedExecutors.Required same = required();
    int slots = Math.ceilDiv(task.subject().features(), EvaluateTask.FEATURES);
    Function2<Serializable, Serializable, Serializable> then = ClusterEvaluate::joined;
    List<Tuple2<Integer, Serializable>> found =
        cluster.run(
            context -> {
              context.setCallSite("evaluate");
              return InOrder.joined(
                      context
                          .parallelize(ranges, ranges.size())
                          .setName("blocks")
                          .flatMapToPair(
                              range ->
                                  EvaluateTask.of(words, from)
                                      .measures(which, range, mean, same, counter)),
                      Math.min(InOrder.MOST_PARTITIONS, slots + 1),
                      then)
                  .setName("measures")
                  .collect();
            });
    return plan.result(
        sums(found, slot -> slot >= slots),
        inOrder(found, slot -> slot < slots).map(FiringPart.class::cast).toList());
  }

  private MixedExecutors.Required required() throws IOException {
    if (required == null) {
      required = mixed.required(cluster, usesTorch());
    }
    return required;
  }

  private static Serializable joined(Serializable before, Serializable next) {
    return before instanceof SumPart sums
        ? sums.then((SumPart) next)
        : ((FiringPart) before).then((FiringPart) next);
  }

  private static SumPart sums(
      List<? extends Tuple2<Integer, ? extends Serializable>> found, IntPredicate slots) {
    return SumPart.joined(inOrder(found, slots).map(SumPart.class::cast).toList());
  }

  private static Stream<? extends Serializable> inOrder(
      List<? extends Tuple2<Integer, ? extends Serializable>> found, IntPredicate slots) {
    return found.stream()
        .filter(each -> slots.test(each._1()))
        .sorted(Comparator.comparingInt(Tuple2::_1))
        .map(Tuple2::_2);
  }
}
