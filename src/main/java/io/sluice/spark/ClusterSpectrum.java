package io.sluice.spark;

import io.sluice.cli.SpectrumCommand;
import io.sluice.cli.StoreMeasuring;
import io.sluice.cli.console.Progress;
import io.sluice.cli.help.Examples;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.hub.HubFiles;
import io.sluice.cli.options.StoreChecksums;
import io.sluice.cli.results.StoreSpectra;
import io.sluice.cli.results.TextMeasuring;
import io.sluice.model.capture.Capture;
import io.sluice.model.capture.CapturePart;
import io.sluice.model.capture.CaptureSpec;
import io.sluice.report.Spectra;
import io.sluice.spark.storage.CacheOptions;
import io.sluice.spark.storage.StorePlace;
import io.sluice.store.ActivationStore;
import io.sluice.text.TextProblems;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.util.LongAccumulator;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import scala.Tuple2;

/**
 * {@code sluice-spark spectrum}: a task for each shard of a store, or for some batches of texts,
 * takes the moments of its rows; {@link MomentTree} merges them by hook point, and executors
 * decompose the covariances. Only eigenvalues come to the driver; with {@code --stats} covariances
 * go through it one after the other.
 */
@Command(
    customSynopsis = {
      "sluice-spark spectrum --store DIR [OPTION...] [-- SPARK-OPTION...]",
      "sluice-spark spectrum --model PATH --text PATH... [OPTION...] [-- SPARK-OPTION...]"
    },
    description = {
      "Measure in how few dimensions the activations of each hook point vary, on a cluster.",
      "The store, or the model and the texts, are on paths that every executor sees. The store may "
          + "also be on a file system of Hadoop, such as s3a://bucket/store. A task reads "
          + "one shard or some batches, so the result does not depend on the number of executors: it "
          + "has the same bits in every run. Between this and 'sluice spectrum', which adds all rows "
          + "one after the other, sums differ by rounding errors."
    })
@Examples(
    "sluice-spark spectrum --store activations --out spectrum.json --master spark://host:7077")
public final class ClusterSpectrum extends SpectrumCommand {
  @Option(
      names = "--task-tokens",
      paramLabel = "N",
      defaultValue = "65536",
      description =
          "Let a task read at least N tokens of --text, in whole batches; the result depends on it in "
              + "its last digits (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.COMPUTE)
  private long taskTokens;

  @Mixin private MixedExecutors mixed;

  @Mixin private CacheOptions cache;

  private StorePlace place;

  @Override
  public boolean runsOnCluster() {
    return true;
  }

  @Override
  protected ActivationStore open(StoreChecksums checks, Path folder) throws IOException {
    // Each task compares the shard that it reads.
    place = StorePlace.of(address("--store"), folder, cache.settings(this), checks.reading());
    return place.outline(false);
  }

  @Override
  protected List<Spectra.Hook> measure(StoreMeasuring task, boolean keep, Progress progress)
      throws IOException {
    int shards = task.store().shards().size();
    List<String> words = HubFiles.pinned(words());
    StorePlace from = place;
    try (Cluster cluster = Cluster.open("sluice spectrum of " + from.folder())) {
      MixedExecutors.Required required = mixed.required(cluster);
      LongAccumulator rows = cluster.counter("rows", progress);
      return cluster.run(
          context -> {
            List<Integer> numbers = IntStream.range(0, shards).boxed().toList();
            context.setCallSite("moments");
            JavaPairRDD<MomentNode, PackedMoments> merged =
                MomentTree.merged(
                    context
                        .parallelize(numbers, shards)
                        .setName("shards")
                        .flatMapToPair(
                            shard -> SpectrumTask.of(words, from).moments(shard, required, rows))
                        .setName("moments of each hook point"),
                    task.columns().size(),
                    shards);
            context.setCallSite("spectra");
            return MeasuredHooks.of(
                merged
                    .map(root -> SpectrumTask.of(words, from).spectrum(root, keep))
                    .setName("spectra"),
                task.spectra(),
                statistics());
          });
    }
  }

  @Override
  protected List<Spectra.Hook> measure(
      TextMeasuring task, boolean keep, Progress progress, Consumer<TextProblems> problems)
      throws IOException {
    if (taskTokens < 1) {
      throw usage("--task-tokens is " + taskTokens + "; give a number of at least 1");
    }
    Capture plan = Capture.planParts(task.model(), CaptureSpec.of(task.contexts(), task.points()));
    problems.accept(plan.problems());
    progress.expect(plan.tokens());
    List<CapturePart> parts = plan.parts(taskTokens);
    List<Integer> numbers = IntStream.range(0, parts.size()).boxed().toList();
    List<String> words = HubFiles.pinned(words());
    try (Cluster cluster = Cluster.open("sluice spectrum of " + task.contexts().texts().name())) {
      MixedExecutors.Required required = mixed.required(cluster);
      LongAccumulator tokens = cluster.counter("tokens", progress);
      return cluster.run(
          context -> {
            // Each task is sent its own part alone.
            List<Tuple2<Integer, CapturePart>> numbered =
                numbers.stream().map(i -> new Tuple2<>(i, parts.get(i))).toList();
            context.setCallSite("moments");
            JavaPairRDD<MomentNode, PackedMoments> merged =
                MomentTree.merged(
                    context
                        .parallelize(numbered, numbered.size())
                        .setName("parts of the texts")
                        .flatMapToPair(
                            part ->
                                TextSpectrumTask.of(words)
                                    .moments(part._1(), part._2(), required, tokens))
                        .setName("moments of each hook point"),
                    task.points().size(),
                    parts.size());
            context.setCallSite("spectra");
            return MeasuredHooks.of(
                merged
                    .map(root -> TextSpectrumTask.of(words).spectrum(root, keep))
                    .setName("spectra"),
                task.spectra(),
                statistics());
          });
    }
  }

  /** The model and the texts, in the process of an executor. */
  TextMeasuring measuringTextsHere() throws IOException {
    return measuringTexts();
  }

  /** Measures shards of the store in the process of an executor. */
  StoreMeasuring measuringHere(ActivationStore store) throws IOException {
    return measuring(store);
  }

  @Override
  protected void writeStatistics(StoreSpectra measuring) {
    // MeasuredHooks has written them.
  }
}
