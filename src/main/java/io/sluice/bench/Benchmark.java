package io.sluice.bench;

import io.sluice.torch.Device;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.Arrays;

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
     * How long {@code call} takes, in seconds. On a single thread this is the thread's own
     * processor time, which other programs on the machine disturb little.
     */
    double seconds(Runnable call) {
      ThreadMXBean clock = ManagementFactory.getThreadMXBean();
      boolean own = threads == 1 && clock.isCurrentThreadCpuTimeSupported();
      long start = own ? clock.getCurrentThreadCpuTime() : System.nanoTime();
      call.run();
      return ((own ? clock.getCurrentThreadCpuTime() : System.nanoTime()) - start) / 1e9;
    }

    /**
     * The median seconds of each call, measured in turns after {@code warmUp} turns that do not
     * count, so that what else runs on the machine meets them all.
     */
    double[] inTurns(int warmUp, Runnable... calls) {
      double[][] seconds = new double[calls.length][rounds];
      for (int round = -warmUp; round < rounds; round++) {
        for (int call = 0; call < calls.length; call++) {
          double one = seconds(calls[call]);
          if (round >= 0) {
            seconds[call][round] = one;
          }
        }
      }
      return Arrays.stream(seconds).mapToDouble(Benchmark::median).toArray();
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
