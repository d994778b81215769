package io.sluice.bench;

import io.sluice.memory.Workers;
import io.sluice.simd.KernelProvider;
import io.sluice.simd.batch.TileWork;
import java.io.PrintWriter;
import java.lang.foreign.MemorySegment;
import java.util.Locale;

/**
 * The peak rate of multiply-adds on this machine, and the share of it that the tile of the encoders
 * reaches with operands in the first- and second-level cache.
 */
public final class PeakBenchmark implements Benchmark {
  private static final double OPERATIONS = 4e9;
  private static final int[] WIDTHS = {192, 384, 768};
  private static final int[] PANELS = {1, 8};
  private static final int WARM_UP = 3;

  /** More than the last cache holds. */
  private static final long READ_BYTES = 256L << 20;

  /** Multiply-adds on all of the workers at once. */
  static void multiplyAdds(Workers workers) {
    workers.run(workers.threads(), task -> MultiplyAddPeak.run(OPERATIONS));
  }

  /** Operations per second, if {@link #multiplyAdds} took so long. */
  static double rate(Workers workers, double seconds) {
    return OPERATIONS * workers.threads() / seconds;
  }

  @Override
  public void run(PrintWriter out, Setting setting) {
    try (Workers workers = Workers.of(setting.threads())) {
      double[] seconds = setting.inTurns(WARM_UP, () -> multiplyAdds(workers));
      out.printf(
          Locale.ROOT,
          "peak: %.1f GF/s of float32 multiply-adds on %d threads%n",
          rate(workers, seconds[0]) / 1e9,
          setting.threads());
    }
    memory(setting).print(out);
    out.printf(
        Locale.ROOT,
        "tile: %s, one thread%n%6s %8s %10s %10s%n",
        KernelProvider.name(),
        "width",
        "panels",
        "GF/s",
        "of peak");
    for (int width : WIDTHS) {
      for (int panels : PANELS) {
        tile(setting, width, panels).print(out);
        out.flush();
      }
    }
  }

  /**
   * What one thread reads.
   *
   * @param streams of addresses with which it is fastest
   * @param seconds with so many
   * @param inOne seconds in one stream
   */
  private record Memory(int streams, double seconds, double inOne) {
    void print(PrintWriter out) {
      out.printf(
          Locale.ROOT,
          "memory: %.1f GB/s read by one thread in %d streams, %.1f in one%n",
          READ_BYTES / seconds / 1e9,
          streams,
          READ_BYTES / inOne / 1e9);
    }
  }

  /**
   * The tile with operands of one size.
   *
   * @param rate operations per second
   * @param peak those of multiply-adds on registers
   */
  private record Tile(int width, int panels, double rate, double peak) {
    void print(PrintWriter out) {
      out.printf(
          Locale.ROOT, "%6d %8d %10.1f %9.0f%%%n", width, panels, rate / 1e9, 100 * rate / peak);
    }
  }

  /** The rate at which one thread reads memory, in several streams of addresses and in one. */
  private static Memory memory(Setting setting) {
    MemorySegment memory = MemoryRead.allocate(READ_BYTES);
    Setting one =
        new Setting(setting.rounds(), 1, setting.calls(), setting.device(), setting.seed());
    int[] streams = MemoryRead.streams();
    Runnable[] calls = new Runnable[streams.length];
    float[] sink = new float[1];
    for (int i = 0; i < calls.length; i++) {
      int count = streams[i];
      calls[i] = () -> sink[0] += MemoryRead.sum(memory, count);
    }
    double[] seconds = one.inTurns(WARM_UP, calls);
    int fastest = 0;
    for (int i = 0; i < calls.length; i++) {
      fastest = seconds[i] < seconds[fastest] ? i : fastest;
    }
    return new Memory(streams[fastest], seconds[fastest], seconds[0]);
  }

  private static Tile tile(Setting setting, int width, int panels) {
    TileWork tile = new TileWork(width, panels);
    double each = tile.operations();
    int calls = (int) (OPERATIONS / 4 / each);
    Setting one =
        new Setting(setting.rounds(), 1, setting.calls(), setting.device(), setting.seed());
    try (Workers workers = Workers.of(1)) {
      double[] seconds = one.inTurns(WARM_UP, () -> tile.run(calls), () -> multiplyAdds(workers));
      return new Tile(width, panels, calls * each / seconds[0], rate(workers, seconds[1]));
    }
  }
}
