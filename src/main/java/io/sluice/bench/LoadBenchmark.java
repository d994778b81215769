package io.sluice.bench;

import com.sun.management.OperatingSystemMXBean;
import io.sluice.model.loading.LoadedModel;
import io.sluice.model.loading.ModelFiles;
import io.sluice.torch.Device;
import io.sluice.weights.TensorSource;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Locale;

/**
 * How long a model takes to load, tokenizer included: the first time in this process, when nothing
 * is compiled yet, and after that. The files are in the page cache from the second time on.
 */
public final class LoadBenchmark implements Benchmark {
  private final Path model;

  public LoadBenchmark(Path model) {
    this.model = model;
  }

  @Override
  public void run(PrintWriter out, Setting setting) {
    try {
      measure(setting).print(out);
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
  }

  /**
   * Results of loading a model.
   *
   * @param gigabytes of weights, in float32
   * @param first seconds of the first time
   * @param seconds of a later time, the median
   * @param processor seconds of all threads, the median
   */
  private record Measured(
      String name, double gigabytes, double first, double seconds, double processor) {
    void print(PrintWriter out) {
      out.printf(
          Locale.ROOT,
          "load: %s, %.2f GB of weights in float32%n"
              + "%10s %10s %12s %14s%n%10.2f %10.2f %12.2f %14.2f%n",
          name,
          gigabytes,
          "first s",
          "median s",
          "median s/GB",
          "processor s/GB",
          first,
          seconds,
          seconds / gigabytes,
          processor / gigabytes);
    }
  }

  private Measured measure(Setting setting) throws IOException {
    ModelFiles files = ModelFiles.find(model);
    TensorSource source = TensorSource.open(files.weights());
    double gigabytes =
        source.names().stream().mapToLong(name -> source.info(name).elements()).sum()
            * (double) Float.BYTES
            / 1e9;
    double first = load(files);
    double[] seconds = new double[setting.rounds()];
    double[] processor = new double[setting.rounds()];
    for (int round = 0; round < seconds.length; round++) {
      long start = processorNanos();
      seconds[round] = load(files);
      processor[round] = (processorNanos() - start) / 1e9;
    }
    return new Measured(
        files.name(), gigabytes, first, Benchmark.median(seconds), Benchmark.median(processor));
  }

  /** Processor time of all threads, which depends little on other load. */
  private static long processorNanos() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getProcessCpuTime();
  }

  private static double load(ModelFiles files) throws IOException {
    long start = System.nanoTime();
    LoadedModel.open(files, Device.CPU).close();
    return (System.nanoTime() - start) / 1e9;
  }
}
