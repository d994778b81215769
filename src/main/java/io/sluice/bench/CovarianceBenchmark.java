package io.sluice.bench;

import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.memory.Workers;
import io.sluice.simd.KernelProvider;
import io.sluice.simd.moments.MomentAccumulator;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Locale;

/**
 * Mean and covariance sums by the Vector API against LibTorch's plain {@code XᵀX}, which neither
 * centres nor sums in float64. Rates count the {@code n·d·(d + 1)} operations of one triangle for
 * both, so that they compare as times do.
 */
public final class CovarianceBenchmark implements Benchmark {
  private static final int[] WIDTHS = {384, 768, 2048};
  private static final double MULTIPLICATIONS = 2.5e9;
  private static final int WARM_UP = 3;

  @Override
  public void run(PrintWriter out, Setting setting) {
    out.printf(
        Locale.ROOT,
        "covariance: %s against LibTorch's XᵀX, float32%n%6s %8s %14s %14s %8s %8s%n",
        KernelProvider.name(),
        "width",
        "rows",
        "Sluice GF/s",
        "LibTorch GF/s",
        "of peak",
        "ratio");
    for (int width : WIDTHS) {
      measure(setting, width).print(out);
      out.flush();
    }
  }

  /**
   * Results at one width.
   *
   * @param seconds of Sluice and of LibTorch, for all rows
   * @param peak multiply-adds of the machine, in operations per second
   */
  private record Measured(int width, int rows, Pair seconds, double peak) {
    void print(PrintWriter out) {
      double operations = (double) rows * width * (width + 1);
      out.printf(
          Locale.ROOT,
          "%6d %8d %14.1f %14.1f %7.0f%% %8.2f%n",
          width,
          rows,
          operations / 1e9 / seconds.sluice(),
          operations / 1e9 / seconds.torch(),
          100 * operations / seconds.sluice() / peak,
          seconds.ratio());
    }
  }

  private static Measured measure(Setting setting, int width) {
    int rows = (int) Math.max(2048, MULTIPLICATIONS / width / width) / 1024 * 1024;
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(setting.threads())) {
      MemorySegment data = BenchmarkData.uniform(arena, (long) rows * width, setting.seed());
      MomentAccumulator accumulator = new MomentAccumulator(width, workers);
      double[] seconds =
          setting.inTurns(
              WARM_UP,
              () -> accumulator.add(new Rows(data, DType.F32, rows, width)),
              () -> product(data, rows, width),
              () -> PeakBenchmark.multiplyAdds(workers));
      return new Measured(
          width, rows, new Pair(seconds[0], seconds[1]), PeakBenchmark.rate(workers, seconds[2]));
    }
  }

  private static void product(MemorySegment data, int rows, int width) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = Tensor.of(data, DType.F32, rows, width);
      x.transpose(0, 1).mm(x);
    }
  }
}
