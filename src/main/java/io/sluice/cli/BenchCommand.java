package io.sluice.cli;

import io.sluice.bench.BatchEncodeBenchmark;
import io.sluice.bench.Benchmark;
import io.sluice.bench.CovarianceBenchmark;
import io.sluice.bench.LoadBenchmark;
import io.sluice.bench.PeakBenchmark;
import io.sluice.bench.ProductBenchmark;
import io.sluice.bench.SingleEncodeBenchmark;
import io.sluice.bench.StepBenchmark;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Examples;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.hub.HubFiles;
import io.sluice.cli.options.DeviceOption;
import io.sluice.cli.options.ThreadsOption;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code sluice bench}: compares the speed of Sluice's kernels with LibTorch's. */
@Command(
    name = "bench",
    customSynopsis = "sluice bench [NAME...] [OPTION...]",
    description = {
      "Compare the speed of Sluice's kernels with LibTorch's on this machine.",
      "Both sides are timed alternately, on the same data and with the same number of threads. "
          + "Read the ratios, not the times. With --threads 1 a round counts the processor time of "
          + "its thread, which a busy machine disturbs little. --device is for step; the other "
          + "benchmarks run on the CPU."
    },
    footer = {
      "Benchmarks:",
      "  covariance  Accumulate the covariance of many rows.",
      "  encode-batch  Encode many tokens and select their features (also: encode).",
      "  encode-one  Encode one vector on one thread, against reading the weights once (also: "
          + "encoder).",
      "  load  Load the model that --model names.",
      "  peak  Multiply and add as fast as the machine can.",
      "  product  Multiply a batch with the weights of a model.",
      "  step  Train a step, by the number of features. This takes minutes."
    })
@Examples("sluice bench covariance --threads 1")
final class BenchCommand extends SluiceCommand {
  private static final String LOAD = "load";
  private static final String STEP = "step";

  private static final List<String> DEFAULT =
      List.of("covariance", "encode-batch", "encode-one", "peak", "product", STEP);

  @Parameters(
      paramLabel = "NAME",
      arity = "0..*",
      description = "Run these benchmarks (default: all but load).")
  private List<String> names = List.of();

  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "7",
      description =
          "Time N rounds after warm-up; the medians are shown (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private int rounds;

  @Option(
      names = "--calls",
      paramLabel = "N",
      defaultValue = "1000",
      description = "With encode-one, time N calls one by one (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private int calls;

  @Option(
      names = "--model",
      paramLabel = "MODEL",
      description =
          "With load, load the model in this folder or file, or of this name on the HuggingFace "
              + "hub.")
  @Grouped(OptionGroup.ESSENTIAL)
  private Path model;

  @Option(
      names = "--shapes",
      paramLabel = "SHAPE",
      split = ",",
      description =
          "With step, train these shapes, each as WIDTHxFEATURESxBATCH (default: the four that "
              + "suit the device).")
  @Grouped(OptionGroup.ESSENTIAL)
  private List<String> shapes = List.of();

  @Option(
      names = "--engine",
      paramLabel = "auto|vector|torch|reference",
      defaultValue = "auto",
      description = "With step, train with this engine (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.COMPUTE)
  private String engine;

  @Option(
      names = "--precision",
      paramLabel = "float32|bfloat16",
      defaultValue = "float32",
      description =
          "With step, multiply with the encoder in this type; bfloat16 needs the torch engine "
              + "(default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.COMPUTE)
  private String precision;

  @Option(
      names = "--moments",
      paramLabel = "float32|bfloat16",
      defaultValue = "float32",
      description = "With step, keep Adam's moments in this type (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.COMPUTE)
  private String moments;

  @Mixin private DeviceOption device;

  @Mixin private ThreadsOption threads;

  private Benchmark step() {
    List<StepBenchmark.Shape> wanted;
    try {
      wanted = shapes.stream().map(StepBenchmark.Shape::parse).toList();
    } catch (IllegalArgumentException e) {
      throw usage("--shapes: " + e.getMessage());
    }
    try {
      StepBenchmark.Arithmetic arithmetic =
          new StepBenchmark.Arithmetic(engine, DType.ofLabel(precision), DType.ofLabel(moments));
      // Whether the engine has them is said before any benchmark runs.
      EngineFactory.named(engine, device(), Workers.allCores())
          .require(
              new EngineSpec(1, 1, 1, false, false, Optimiser.ADAM)
                  .withPrecision(arithmetic.precision()));
      return new StepBenchmark(wanted, arithmetic);
    } catch (IllegalArgumentException e) {
      throw usage(e.getMessage());
    }
  }

  private Benchmark named(String name) throws IOException {
    return switch (name) {
      case "covariance" -> new CovarianceBenchmark();
      case "encode-batch", "encode" -> new BatchEncodeBenchmark();
      case "encode-one", "encoder" -> new SingleEncodeBenchmark();
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

  private Benchmark load() throws IOException {
    if (model == null) {
      throw usage("load needs --model; name a model's file or folder");
    }
    return new LoadBenchmark(HubFiles.model(this, model));
  }

  private Device device() {
    try {
      Device where = device.of(this);
      Torch.require(where);
      return where;
    } catch (IllegalArgumentException e) {
      throw usage("--device: " + e.getMessage());
    }
  }

  @Override
  protected void run() throws IOException {
    if (rounds < 1) {
      throw usage("--rounds must be at least 1, not " + rounds);
    }
    if (calls < 1) {
      throw usage("--calls must be at least 1, not " + calls);
    }
    threads.check(this);
    List<Benchmark> chosen = new ArrayList<>();
    for (String name : names.isEmpty() ? DEFAULT : names) {
      chosen.add(named(name));
    }
    Device where = device();
    int count = threads.count();
    Torch.threads(count);
    out()
        .printf(
            Locale.ROOT,
            "LibTorch %s from %s; %d threads%n",
            Torch.info().version(),
            Torch.info().source(),
            count);
    for (Benchmark benchmark : chosen) {
      out().println();
      benchmark.run(out(), new Benchmark.Setting(rounds, count, calls, where, seed()));
      out().flush();
    }
  }
}
