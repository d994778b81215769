package io.sluice.cli;

import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code sluice bench}: compares kernels with what they replace, in one run on this machine. */
@Command(
    name = "bench",
    description = {
      "Compare Sluice's kernels with LibTorch's on this machine.",
      "What counts is the ratio: both sides are measured in turns, on the same data and with as",
      "many threads."
    },
    footer = {"", "Example:", "  sluice bench covariance --threads 1"})
final class BenchCommand extends SluiceCommand {
  private static final String LOAD = "load";

  private static final Map<String, Benchmark> ALL =
      new TreeMap<>(
          Map.of(
              "covariance",
              new CovarianceBenchmark(),
              "encode",
              new EncodeBenchmark(),
              "encoder",
              new EncoderBenchmark(),
              "peak",
              new PeakBenchmark(),
              "product",
              new ProductBenchmark(),
              "step",
              new StepBenchmark()));

  @Parameters(
      paramLabel = "NAME",
      arity = "0..*",
      description =
          "Which benchmarks: covariance, encode (many tokens), encoder (one vector, on one thread,"
              + " against reading its weights once), peak, product (a batch with a model's weights),"
              + " step (a training step by its number of features; takes minutes), load (a model, named by --model) (default: all but load).")
  private List<String> names = List.of();

  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "7",
      description = "Timed rounds per figure, after warm-up; medians are shown (default: 7).")
  private int rounds;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description =
          "Threads of either side (default: one per core). With 1 the thread's processor time is"
              + " taken, which a busy machine disturbs little.")
  private int threads = Runtime.getRuntime().availableProcessors();

  @Option(
      names = "--calls",
      paramLabel = "N",
      defaultValue = "1000",
      description = "Calls whose latencies encoder takes one by one (default: 1000).")
  private int calls;

  @Option(
      names = "--model",
      paramLabel = "PATH",
      description = "The model's file or folder, for load.")
  private Path model;

  @Option(
      names = "--device",
      paramLabel = "cpu|cuda",
      defaultValue = "cpu",
      description = "Where step trains; the others are of the CPU (default: cpu).")
  private String device;

  private Device device() {
    try {
      Device where = Device.parse(device);
      Torch.require(where);
      return where;
    } catch (IllegalArgumentException e) {
      throw usage("--device: " + e.getMessage());
    }
  }

  private Benchmark load() {
    if (model == null) {
      throw usage("load needs --model; name a model's file or folder");
    }
    return new LoadBenchmark(model);
  }

  @Override
  protected void run() {
    if (rounds < 1) {
      throw usage("--rounds must be at least 1, not " + rounds);
    }
    if (calls < 1) {
      throw usage("--calls must be at least 1, not " + calls);
    }
    ThreadsOption.check(this, threads);
    List<Benchmark> chosen = new ArrayList<>();
    for (String name : names.isEmpty() ? ALL.keySet() : names) {
      Benchmark benchmark = name.equals(LOAD) ? load() : ALL.get(name);
      if (benchmark == null) {
        throw usage(
            "no benchmark '"
                + name
                + "'; there are "
                + String.join(", ", ALL.keySet())
                + ", "
                + LOAD);
      }
      chosen.add(benchmark);
    }
    Device where = device();
    Torch.threads(threads);
    out()
        .printf(
            Locale.ROOT,
            "LibTorch %s from %s; %d threads%n",
            Torch.info().version(),
            Torch.info().source(),
            threads);
    for (Benchmark benchmark : chosen) {
      out().println();
      benchmark.run(out(), new Benchmark.Setting(rounds, threads, calls, where, seed()));
      out().flush();
    }
  }
}
