package io.sluice.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code sluice bench}: compares kernels with what they replace, in one run on this machine. */
@Command(
    name = "bench",
    description = {
      "Compare Sluice's kernels with LibTorch's in one run on this machine. What counts is the ratio:",
      "both sides are measured in turns, on the same data and with as many threads."
    },
    footer = {"", "Example:", "  sluice bench covariance --rounds 9"})
final class BenchCommand extends SluiceCommand {
  private static final Map<String, Benchmark> ALL =
      new TreeMap<>(Map.of("covariance", new CovarianceBenchmark()));

  @Parameters(
      paramLabel = "NAME",
      arity = "0..*",
      description = "Which benchmarks: covariance (default: all).")
  private List<String> names = List.of();

  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "7",
      description = "Timed rounds per figure, after warm-up; medians are shown (default: 7).")
  private int rounds;

  @Override
  protected void run() {
    if (rounds < 1) {
      throw usage("--rounds must be at least 1, not " + rounds);
    }
    List<Benchmark> chosen = new ArrayList<>();
    for (String name : names.isEmpty() ? ALL.keySet() : names) {
      Benchmark benchmark = ALL.get(name);
      if (benchmark == null) {
        throw usage("no benchmark '" + name + "'; there are " + String.join(", ", ALL.keySet()));
      }
      chosen.add(benchmark);
    }
    for (Benchmark benchmark : chosen) {
      benchmark.run(out(), rounds, seed());
      out().flush();
    }
  }
}
