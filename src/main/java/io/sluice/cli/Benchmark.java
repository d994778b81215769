package io.sluice.cli;

import java.io.PrintWriter;
import java.util.Arrays;

/** One comparison that {@code sluice bench} makes. */
interface Benchmark {
  /**
   * Measures and prints.
   *
   * @param rounds timed rounds per figure
   * @param seed of the data
   */
  void run(PrintWriter out, int rounds, long seed);

  /** The median of some seconds. */
  static double median(double[] seconds) {
    double[] sorted = seconds.clone();
    Arrays.sort(sorted);
    int n = sorted.length;
    return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
  }

  /** How long one call takes, in seconds. */
  static double seconds(Runnable call) {
    long start = System.nanoTime();
    call.run();
    return (System.nanoTime() - start) / 1e9;
  }
}
