package io.sluice.spark;

import io.sluice.cli.SweepCommand;
import io.sluice.cli.console.Address;
import io.sluice.cli.console.Progress;
import io.sluice.cli.help.Examples;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.hub.HubFiles;
import io.sluice.cli.options.EngineOptions;
import io.sluice.cli.options.RunOptions;
import io.sluice.cli.stream.StreamOptions;
import io.sluice.spark.storage.CacheOptions;
import io.sluice.spark.storage.StorePlace;
import io.sluice.store.ActivationStore;
import io.sluice.training.run.StoppedException;
import io.sluice.training.sweep.Grid;
import io.sluice.training.sweep.Sweep;
import io.sluice.training.sweep.SweepCell;
import io.sluice.training.sweep.SweepListener;
import io.sluice.training.sweep.SweepResult;
import io.sluice.training.sweep.SweepWorker;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.spark.SparkConf;
import org.apache.spark.util.LongAccumulator;
import picocli.CommandLine.Command;
import picocli.CommandLine.IModelTransformer;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;

/**
 * {@code sluice-spark sweep}: the driver holds the sweep and plans its cells, a task trains one of
 * them into the shared folder, and the driver reads the results, all as {@code sluice sweep} does
 * in one process.
 */
@Command(
    modelTransformer = ClusterSweep.WithoutModels.class,
    customSynopsis = {
      "sluice-spark sweep --store DIR --hook NAME --vary AXIS=VALUE[,VALUE...]... --out DIR "
          + "[OPTION...] [-- SPARK-OPTION...]",
      "sluice-spark sweep --resume --out DIR [-- SPARK-OPTION...]"
    },
    description = {
      "Train a dictionary for every combination of some settings on a cluster, and compare them.",
      "Store and --out are on paths that every executor sees. The store may also be on a file "
          + "system of Hadoop, such as s3a://bucket/store; each machine then needs room for all of it "
          + "in --cache. A task trains one dictionary on --cores-per-run cores, as an ordinary run in a folder of its own. The files are those "
          + "of 'sluice sweep', and the dictionaries have the same bits. An interrupted sweep "
          + "continues with --resume --out DIR, here or with 'sluice sweep', wherever it was begun.",
      "An axis that is not given has the default of 'sluice train'. An axis with one value "
          + "sets it for all dictionaries. --threads and --memory have no meaning here."
    })
@Examples(
    "sluice-spark sweep --store /shared/store --hook layers.3.attn_out --vary init=random,asi "
        + "--vary seed=0,1,2 --cores-per-run 4 --out /shared/sweep --master spark://host:7077")
public final class ClusterSweep extends SweepCommand {
  private static final String TASK_CORES = "spark.task.cpus";
  private static final String EXECUTOR_CORES = "spark.executor.cores";
  private static final Pattern LOCAL = Pattern.compile("local\\[(\\d{1,6})[],].*");

  @Option(
      names = "--cores-per-run",
      paramLabel = "N",
      description =
          "Train each dictionary on N cores of an executor (default: spark.task.cpus, which is 1 "
              + "unless it is set).")
  @Grouped(OptionGroup.COMPUTE)
  private Integer coresPerRun;

  @Mixin private MixedExecutors mixed;

  @Mixin private CacheOptions cache;

  /** Removes the options of a model that runs: a cluster trains on stores. */
  static final class WithoutModels implements IModelTransformer {
    @Override
    public CommandSpec transform(CommandSpec command) {
      List<String> names =
          CommandSpec.forAnnotatedObject(new StreamOptions()).options().stream()
              .map(OptionSpec::longestName)
              .toList();
      for (String name : names) {
        command.remove(command.findOption(name));
      }
      return command;
    }
  }

  private ActivationStore store;
  private StorePlace place;
  private boolean verified;
  private String engine;
  private Path folder;

  @Override
  protected Set<String> takenByResume() {
    return Set.of(
        "--cores-per-run",
        "--cache",
        "--cache-size",
        "--allow-other-libtorch",
        "--allow-other-processors");
  }

  @Override
  protected void requireModels(Path sweep) throws IOException {
    throw new IOException(
        sweep
            + ": is a sweep while a model runs, which is one process; continue it with 'sluice sweep"
            + " --resume'");
  }

  @Override
  protected void check() {
    if (given("--threads")) {
      throw usage("--threads: on a cluster a run has the threads of --cores-per-run; give that");
    }
    if (given("--memory")) {
      throw usage(
          "--memory: on a cluster a task trains one dictionary, so none share a batch; leave it"
              + " out");
    }
    if (coresPerRun != null && coresPerRun < 1) {
      throw usage("--cores-per-run must be at least 1, not " + coresPerRun);
    }
    SparkConf given = new SparkConf();
    int cores = cores();
    if (given.getInt(TASK_CORES, cores) != cores) {
      throw usage(
          "--cores-per-run is %d and spark.task.cpus %s; leave one of them out"
              .formatted(cores, given.get(TASK_CORES)));
    }
    if (given.getInt(EXECUTOR_CORES, cores) < cores) {
      throw usage(
          "a run takes %d cores and spark.executor.cores is %s; give fewer with --cores-per-run"
              .formatted(cores, given.get(EXECUTOR_CORES)));
    }
    Matcher local = LOCAL.matcher(given.get("spark.master", ""));
    if (local.matches() && Integer.parseInt(local.group(1)) < cores) {
      throw usage(
          "a run takes %d cores and --master is %s; give fewer with --cores-per-run"
              .formatted(cores, local.group()));
    }
  }

  private int cores() {
    return coresPerRun != null ? coresPerRun : new SparkConf().getInt(TASK_CORES, 1);
  }

  @Override
  protected ActivationStore open(RunOptions from, String where) throws IOException {
    // Tasks compare its shards.
    verified = from.verifies();
    place =
        StorePlace.of(
            Optional.of(where).filter(Address::is),
            Path.of(where),
            cache.settings(this),
            from.reading());
    // A new sweep records the rows that it holds out, by the positions of all.
    return from.resume() ? place.outline(false) : place.held(false, verified);
  }

  @Override
  protected Sweep start(
      ActivationStore from, Grid grid, List<SweepCell> cells, EngineOptions with, Path into)
      throws IOException {
    keep(from, with, with.label(), into);
    return Sweep.startElsewhere(from, grid, cells, engine, into);
  }

  @Override
  protected Sweep resume(ActivationStore from, EngineOptions with, String begun, Path into)
      throws IOException {
    keep(from, with, begun, into);
    return Sweep.resumeElsewhere(from, into);
  }

  private void keep(ActivationStore from, EngineOptions with, String label, Path into) {
    store = from;
    engine = label;
    folder = into.toAbsolutePath();
    if (label.endsWith(" cpu")) {
      // Rejects unknown ones; a GPU is only needed where tasks run.
      with.engines(this, label);
    }
  }

  @Override
  protected SweepResult train(Sweep sweep, Progress progress, SweepListener listener)
      throws IOException {
    return sweep.run(listener, (cells, told) -> trainOnCluster(cells, progress, told));
  }

  private Map<String, String> trainOnCluster(
      List<SweepCell> cells, Progress progress, SweepListener listener) throws IOException {
    List<String> words = new ArrayList<>(HubFiles.pinned(words()));
    words.add("--threads=" + cores());
    // Long ones first, so that executors end together.
    List<String> names =
        cells.stream()
            .sorted(Comparator.comparingDouble(ClusterSweep::work).reversed())
            .map(SweepCell::name)
            .toList();
    List<SweepTask.End> ends;
    try (Cluster cluster = Cluster.open("sluice sweep into " + folder, settings())) {
      SweepTask.Work work =
          new SweepTask.Work(
              words, place, verified, engine, folder.toString(), mixed.required(cluster));
      if (verified && !place.isRemote()) {
        verify(cluster, work);
      }
      LongAccumulator tokens = cluster.counter("tokens", progress);
      ends =
          cluster.run(
              context -> {
                context.setCallSite("sweep");
                try (StoppableJob job = StoppableJob.listen(context)) {
                  return job.run(
                      context
                          .parallelize(names, names.size())
                          .setName("cells of the sweep")
                          .map(name -> SweepTask.of(work).train(name, tokens))
                          .setName("dictionaries"),
                      listener::stops);
                }
              });
    }
    if (ends == null) {
      throw new StoppedException("stopped, with checkpoints of the cells in training");
    }
    return failures(cells, ends, listener);
  }

  /** Compares the store with its checksums, a task for each shard. */
  private void verify(Cluster cluster, SweepTask.Work work) throws IOException {
    List<Integer> shards = IntStream.range(0, store.shards().size()).boxed().toList();
    cluster.run(
        context -> {
          context.setCallSite("checksums");
          return context
              .parallelize(shards, shards.size())
              .setName("shards")
              .map(shard -> SweepTask.of(work).verify(shard))
              .setName("shards, compared with their checksums")
              .count();
        });
  }

  private static Map<String, String> failures(
      List<SweepCell> cells, List<SweepTask.End> ends, SweepListener listener) {
    Map<String, SweepCell> byName =
        cells.stream().collect(Collectors.toMap(SweepCell::name, cell -> cell));
    Map<String, String> failures = new HashMap<>();
    for (SweepTask.End end : ends) {
      if (end.failure() != null) {
        failures.put(end.cell(), end.failure());
        listener.failed(byName.get(end.cell()), end.failure());
      }
    }
    return failures;
  }

  private static double work(SweepCell cell) {
    return (double) cell.config().features()
        * cell.config().schedule().steps()
        * cell.config().schedule().batch();
  }

  private Map<String, String> settings() {
    Map<String, String> settings = new HashMap<>();
    settings.put(TASK_CORES, Integer.toString(cores()));
    if (!new SparkConf().contains(EXECUTOR_CORES)) {
      settings.put(EXECUTOR_CORES, Integer.toString(cores()));
    }
    // A second attempt of a cell could only wait for the first.
    settings.put("spark.speculation", "false");
    return settings;
  }

  /** A worker in the process of an executor. */
  SweepWorker workerHere(ActivationStore from, SweepTask.Work work) throws IOException {
    return worker(from, work.engine(), Path.of(work.folder()));
  }
}
