package io.sluice.bench;

import io.sluice.torch.Device;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.Arrays;
import java.util.List;

/** One comparison that {@code sluice bench} makes. */
public interface Benchmark {
  /**
   * How to measure.
   *
   * @param rounds timed rounds per figure, after warm-up
   * @param threads threads that either side may use
   * @param calls single calls whose latencies are taken, where there are such
   * @param device where a step trains; all else is measured on the CPU
   * @param seed of the data
   */
  record Setting(int rounds, int threads, int calls, Device device, long seed) {
    /**
     * Times a call, in seconds. On a single thread this is the thread's own processor time, which
     * other programs on the machine disturb little.
     */
    double seconds(Runnable call) {
      ThreadMXBean clock = ManagementFactory.getThreadMXBean();
      boolean own = threads == 1 && clock.isCurrentThreadCpuTimeSupported();
      long start = own ? clock.getCurrentThreadCpuTime() : System.nanoTime();
      call.run();
      return ((own ? clock.getCurrentThreadCpuTime() : System.nanoTime()) - start) / 1e9;
    }

    /** The median of {@link #allInTurns} of each call. */
    double[] inTurns(int warmUp, Runnable... calls) {
      return Arrays.stream(allInTurns(warmUp, List.of(calls)))
          .mapToDouble(Benchmark::median)
          .toArray();
    }

    /**
     * The seconds of each call in each round, {@code [calls][rounds]}. Calls take turns, so that
     * what else runs on the machine slows all of them; the first {@code warmUp} rounds do not
     * count.
     */
    double[][] allInTurns(int warmUp, List<Runnable> calls) {
      double[][] seconds = new double[calls.size()][rounds];
      for (int round = -warmUp; round < rounds; round++) {
        for (int call = 0; call < calls.size(); call++) {
          double one = seconds(calls.get(call));
          if (round >= 0) {
            seconds[call][round] = one;
          }
        }
      }
      return seconds;
    }
  }

  /** Seconds that the two sides of a comparison took. */
  record Pair(double sluice, double torch) {
    /** How many times as long LibTorch took. */
    double ratio() {
      return torch / sluice;
    }
  }

  /** Measures and prints. */
  void run(PrintWriter out, Setting setting);

  /** The median of some seconds. */
  static double median(double[] seconds) {
    double[] sorted = seconds.clone();
    Arrays.sort(sorted);
    int n = sorted.length;
    return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
  }
}
