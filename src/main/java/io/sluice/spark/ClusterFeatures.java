package io.sluice.spark;

import io.sluice.cli.FeaturesCommand;
import io.sluice.cli.console.Progress;
import io.sluice.cli.help.Examples;
import io.sluice.cli.hub.HubFiles;
import io.sluice.cli.options.StoreChecksums;
import io.sluice.features.FeatureFolderWriter;
import io.sluice.features.FeatureManifest;
import io.sluice.features.gather.DescribedFeatures;
import io.sluice.features.gather.FeatureGathering;
import io.sluice.features.gather.SharedGathering;
import io.sluice.features.gather.SimilarRows;
import io.sluice.spark.storage.CacheOptions;
import io.sluice.spark.storage.StorePlace;
import io.sluice.store.ActivationStore;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.util.LongAccumulator;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/**
 * {@code sluice-spark features}: tasks encode blocks of batches, their codes go by groups of
 * features to tasks that describe these, and the driver writes what they have found in the order of
 * the features.
 */
@Command(
    customSynopsis = {
      "sluice-spark features --dictionary DIR --store DIR --out DIR [OPTION...] [-- SPARK-OPTION...]"
    },
    description = {
      "Find out what the features of a dictionary fire on, on a cluster.",
      "Dictionary and store are on paths that every executor sees. The store may also be on a file "
          + "system of Hadoop, such as s3a://bucket/store; each machine then needs room for all of it "
          + "in --cache. The folder has the bytes of that of 'sluice features', for any number of "
          + "executors and cores, also if tasks fail or run twice. An executor process has the "
          + "dictionary once. The driver writes the folder, and what --model tells. Lorsas, --show, "
          + "--search, --text and --export are left to 'sluice features'."
    })
@Examples(
    "sluice-spark features --dictionary /shared/runs/asi --store /shared/activations "
        + "--out features --master spark://host:7077")
public final class ClusterFeatures extends FeaturesCommand {
  /** Features of a partition, which the driver has in memory at once, unless a group has more. */
  private static final int FEATURES = 1 << 13;

  @Mixin private MixedExecutors mixed;

  @Mixin private CacheOptions cache;

  private boolean verified;
  private StorePlace place;

  @Override
  protected void answer() {
    String option =
        Stream.of("--show", "--search", "--text", "--export")
            .filter(this::given)
            .findFirst()
            .orElseThrow();
    throw usage(
        option
            + " reads a folder of features in one process; run 'sluice features "
            + option
            + "'");
  }

  @Override
  protected ActivationStore open(StoreChecksums checks, Path folder) throws IOException {
    // Each task compares the shards that it reads.
    verified = checks.areCompared();
    place = StorePlace.of(address("--store"), folder, cache.settings(this), checks.reading());
    if (place.isRemote()) {
      return place.held(true, verified);
    }
    // The manifest of features has the path as it was given.
    ActivationStore store = checks.openUnread(folder);
    if (verified) {
      store.verifyTexts();
    }
    return store;
  }

  /** The work, opened in the process of an executor. */
  SharedGathering sharedHere(ActivationStore store) throws IOException {
    return shared(store);
  }

  @Override
  protected FeatureManifest gather(
      FeatureGathering gathering, long rows, long features, FeatureFolderWriter fresh)
      throws IOException {
    SharedGathering shared = gathering.shared();
    double[][] directions = shared.activeDirections();
    try (Cluster cluster = Cluster.open("sluice features on " + place.folder())) {
      FeaturesTask.Work work =
          new FeaturesTask.Work(
              HubFiles.pinned(words()), place, verified, mixed.required(cluster, usesTorch()));
      JavaRDD<DescribedFeatures> described;
      try (Progress progress = progress("encode", rows, "tokens")) {
        LongAccumulator tokens = cluster.counter("tokens", progress);
        described = cluster.run(context -> described(context, shared, directions, work, tokens));
        progress.done();
      }
      List<SimilarRows> similar;
      try (Progress progress = progress("similar", features, "features")) {
        similar = similar(cluster, shared, work, progress);
        progress.done();
      }
      try (Progress progress = progress("describe", features, "features")) {
        FeatureManifest manifest =
            cluster.run(
                context ->
                    shared.writeTo(fresh, similar, described.toLocalIterator(), progress::update));
        progress.done();
        return manifest;
      }
    }
  }

  /** Describes all features; what is found stays on the disks of executors. */
  private JavaRDD<DescribedFeatures> described(
      JavaSparkContext context,
      SharedGathering shared,
      double[][] directions,
      FeaturesTask.Work work,
      LongAccumulator tokens)
      throws IOException {
    List<TaskRange> ranges = TaskRange.of(shared.blocks());
    int groups = shared.groups();
    int neighbours =
        Math.clamp(
            Math.ceilDiv(groups, InOrder.MOST_PARTITIONS),
            1,
            Math.max(1, FEATURES / shared.groupSize()));
    Broadcast<double[][]> active = context.broadcast(directions);
    context.setCallSite("encode");
    JavaRDD<DescribedFeatures> described =
        InOrder.sorted(
                context
                    .parallelize(ranges, ranges.size())
                    .setName("blocks")
                    .flatMapToPair(range -> FeaturesTask.of(work).encode(range, tokens)),
                Math.ceilDiv(groups, neighbours),
                neighbours)
            .setName("codes by feature")
            .mapPartitions(codes -> FeaturesTask.of(work).describe(codes, active.value()))
            .setName("features")
            .persist(StorageLevel.DISK_ONLY());
    context.setCallSite("describe");
    described.count();
    return described;
  }

  private List<SimilarRows> similar(
      Cluster cluster, SharedGathering shared, FeaturesTask.Work work, Progress progress)
      throws IOException {
    List<Integer> parts = IntStream.range(0, shared.searches()).boxed().toList();
    LongAccumulator found = cluster.counter("features", progress);
    return cluster.run(
        context -> {
          context.setCallSite("similar");
          return context
              .parallelize(parts, parts.size())
              .setName("parts of the features")
              .map(part -> FeaturesTask.of(work).similar(part, found))
              .setName("similar features")
              .collect();
        });
  }
}
