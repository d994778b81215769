package io.sluice.cli;

import io.sluice.bench.Benchmark;
import io.sluice.bench.CovarianceBenchmark;
import io.sluice.bench.EncodeBenchmark;
import io.sluice.bench.EncoderBenchmark;
import io.sluice.bench.LoadBenchmark;
import io.sluice.bench.PeakBenchmark;
import io.sluice.bench.ProductBenchmark;
import io.sluice.bench.StepBenchmark;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.options.ThreadsOption;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
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
  private static final String STEP = "step";

  private static final List<String> DEFAULT =
      List.of("covariance", "encode", "encoder", "peak", "product", STEP);

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
      description = "Where step trains; the others run on the CPU (default: cpu).")
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

  @Option(
      names = "--shapes",
      paramLabel = "SHAPE,…",
      split = ",",
      description =
          "What step trains, as WIDTHxFEATURESxBATCH (default: four sizes that tell most about the"
              + " device).")
  private List<String> shapes = List.of();

  private Benchmark step() {
    try {
      return new StepBenchmark(shapes.stream().map(StepBenchmark.Shape::parse).toList());
    } catch (IllegalArgumentException e) {
      throw usage("--shapes: " + e.getMessage());
    }
  }

  private Benchmark named(String name) {
    return switch (name) {
      case "covariance" -> new CovarianceBenchmark();
      case "encode" -> new EncodeBenchmark();
      case "encoder" -> new EncoderBenchmark();
      case "peak" -> new PeakBenchmark();
      case "product" -> new ProductBenchmark();
      case STEP -> step();
      case LOAD -> load();
      default ->
          throw usage(
              "no benchmark '%s'; there are %s, %s"
                  .formatted(name, String.join(", ", DEFAULT), LOAD));
    };
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
    for (String name : names.isEmpty() ? DEFAULT : names) {
      chosen.add(named(name));
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
