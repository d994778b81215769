package io.sluice.spark;

import io.sluice.cli.CaptureCommand;
import io.sluice.cli.console.Progress;
import io.sluice.cli.help.Examples;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.hub.HubFiles;
import io.sluice.model.capture.Capture;
import io.sluice.model.capture.CaptureSpec;
import io.sluice.model.loading.LoadedModel;
import io.sluice.spark.storage.CacheOptions;
import io.sluice.spark.storage.CapturePlace;
import io.sluice.spark.storage.RemoteCapture;
import io.sluice.spark.storage.RemoteFolder;
import io.sluice.spark.storage.StorePlace;
import io.sluice.store.files.Manifest;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.apache.spark.util.LongAccumulator;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * {@code sluice-spark capture}: the driver reads and tokenises the texts once and cuts them into
 * tasks; each task writes some shards of the store; the driver writes the manifest when all are
 * there.
 */
@Command(
    customSynopsis = {
      "sluice-spark capture --model PATH --text PATH... --out DIR [OPTION...] [-- SPARK-OPTION...]"
    },
    description = {
      "Run texts through a transformer on a cluster and store the activations at its hook points.",
      "Model, texts and store are on paths that every executor sees. The store may also be on a "
          + "file system of Hadoop, such as s3a://bucket/store; there --overwrite deletes the old "
          + "store before the new one is written. The files of the store are "
          + "those that 'sluice capture' writes, bit for bit, for any number of executors and "
          + "cores, also if tasks fail or run twice. An executor process has one model and runs "
          + "one task at a time, on all its cores."
    })
@Examples(
    "sluice-spark capture --model /shared/all-minilm-l6-v2 --text /shared/moby-dick.txt "
        + "--out /shared/store --master spark://host:7077")
public final class ClusterCapture extends CaptureCommand {
  @Option(
      names = "--task-tokens",
      paramLabel = "N",
      description =
          "Let a task capture at least N tokens, in whole shards; fewer make more tasks, each of "
              + "which runs up to two batches that its neighbours run, too. The store does not depend "
              + "on it (default: two tasks for each executor, but 8192 to 65536 tokens).")
  @Grouped(OptionGroup.COMPUTE)
  private Long taskTokens;

  @Mixin private MixedExecutors mixed;

  @Mixin private CacheOptions cache;

  @Override
  public boolean runsOnCluster() {
    return true;
  }

  @Override
  protected Capture plan(LoadedModel loaded, CaptureSpec spec) throws IOException {
    if (given("--resume")) {
      throw usage(
          "--resume continues a capture of one machine; leave it out, or give it to 'sluice capture'");
    }
    if (taskTokens != null && taskTokens < 1) {
      throw usage("--task-tokens is " + taskTokens + "; give a number of at least 1");
    }
    return Capture.planParts(loaded, spec);
  }

  /** The model, opened in the process of an executor. */
  LoadedModel openModelHere() throws IOException {
    return openModel();
  }

  /** What is captured, in the process of an executor. */
  CaptureSpec specHere(LoadedModel model) throws IOException {
    return spec(model);
  }

  @Override
  protected Manifest write(Capture plan, Path folder, Progress progress) throws IOException {
    List<String> words = HubFiles.pinned(words());
    CapturePlace place = CapturePlace.of(elsewhere(), folder, cache.settings(this));
    try (Cluster cluster = Cluster.open("sluice capture into " + place.folder())) {
      MixedExecutors.Required required = mixed.required(cluster);
      LongAccumulator tokens = cluster.counter("tokens", progress);
      return place.write(
          plan,
          taskTokens != null ? taskTokens : cluster.taskTokens(plan.tokens()),
          replaces(),
          parts ->
              cluster
                  .run(
                      context -> {
                        context.setCallSite("capture");
                        return context
                            .parallelize(parts, parts.size())
                            .setName("parts of the texts")
                            .map(part -> CaptureTask.of(words).run(part, place, required, tokens))
                            .setName("shards of the store")
                            .collect();
                      })
                  .stream()
                  .flatMap(List::stream)
                  .toList());
    }
  }

  @Override
  protected Optional<String> elsewhere() {
    return address("--out");
  }

  @Override
  protected void checkPlace(Path place, boolean replaced) throws IOException {
    if (elsewhere().isEmpty()) {
      super.checkPlace(place, replaced);
    } else {
      RemoteCapture.check(RemoteFolder.of(elsewhere().get(), StorePlace.hadoop()), replaced);
    }
  }
}
