package io.sluice.spark;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.cli.SpectrumCommand;
import io.sluice.cli.StoreMeasuring;
import io.sluice.cli.console.Progress;
import io.sluice.cli.help.Examples;
import io.sluice.cli.options.StoreChecksums;
import io.sluice.cli.results.ExpectedDead;
import io.sluice.report.Spectra;
import io.sluice.store.ActivationStore;
import io.sluice.store.files.Column;
import io.sluice.torch.Device;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.util.LongAccumulator;
import picocli.CommandLine.Command;

/**
 * {@code sluice-spark spectrum}: a task for each shard of a store takes the moments of its rows;
 * {@link MomentTree} merges them by hook point, and executors decompose the covariances. Only
 * eigenvalues come to the driver, unless {@code --stats} asks for the covariances.
 */
@Command(
    customSynopsis = {"sluice-spark spectrum --store DIR [OPTION...] [-- SPARK-OPTION...]"},
    description = {
      "Measure in how few dimensions the activations of each hook point vary, on a cluster.",
      "The store is on a path that every executor sees. A task reads one shard, so the result does "
          + "not depend on the number of executors: it has the same bits in every run. Between "
          + "this and 'sluice spectrum', which reads the shards one after the other, sums differ "
          + "by rounding errors."
    })
@Examples(
    "sluice-spark spectrum --store activations --out spectrum.json --master spark://host:7077")
public final class ClusterSpectrum extends SpectrumCommand {
  @Override
  protected ActivationStore open(StoreChecksums checks, Path folder) throws IOException {
    // Each task compares the shard that it reads.
    return checks.openUnread(folder);
  }

  @Override
  protected void runTexts(Device on, ExpectedDead dead) {
    throw usage("on a cluster a store is measured; capture the texts first and give --store");
  }

  @Override
  protected List<Spectra.Hook> measure(StoreMeasuring task, boolean keep, Progress progress)
      throws IOException {
    int shards = task.store().shards().size();
    int hooks = task.columns().size();
    List<String> words = words();
    try (Cluster cluster = Cluster.open("sluice spectrum of " + task.store().folder())) {
      LongAccumulator rows = cluster.counter("rows", progress);
      List<Measured> measured =
          cluster.run(
              context -> {
                List<Integer> numbers = IntStream.range(0, shards).boxed().toList();
                JavaPairRDD<MomentNode, PackedMoments> leaves =
                    context
                        .parallelize(numbers, shards)
                        .setName("shards")
                        .flatMapToPair(shard -> SpectrumTask.of(words).moments(shard, rows));
                return MomentTree.merged(leaves, hooks, shards)
                    .map(root -> SpectrumTask.of(words).spectrum(root._1().hook(), root._2(), keep))
                    .setName("spectra")
                    .collect();
              });
      return inOrder(task, measured);
    }
  }

  /**
   * Opens the store in the process of an executor.
   *
   * @throws IOException if it is not seen from there, or damaged
   */
  StoreMeasuring measuringHere() throws IOException {
    ExecutorPath.require(storeFolder());
    return measuring();
  }

  private static List<Spectra.Hook> inOrder(StoreMeasuring task, List<Measured> measured)
      throws IOException {
    Measured[] byHook = new Measured[task.columns().size()];
    for (Measured each : measured) {
      byHook[each.hook()] = each;
    }
    List<Spectra.Hook> hooks = new ArrayList<>();
    for (int hook = 0; hook < byHook.length; hook++) {
      Column column = task.columns().get(hook);
      if (byHook[hook].moments() != null) {
        task.spectra().keep(column.name(), byHook[hook].moments().unpacked().tokens());
      }
      hooks.add(new ObjectMapper().readValue(byHook[hook].json(), Spectra.Hook.class));
    }
    return hooks;
  }
}
