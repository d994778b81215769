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
      measure(out, setting, width);
      out.flush();
    }
  }

  private static void measure(PrintWriter out, Setting setting, int width) {
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
      double operations = (double) rows * width * (width + 1) / 1e9;
      out.printf(
          Locale.ROOT,
          "%6d %8d %14.1f %14.1f %7.0f%% %8.2f%n",
          width,
          rows,
          operations / seconds[0],
          operations / seconds[1],
          100 * operations * 1e9 / seconds[0] / PeakBenchmark.rate(workers, seconds[2]),
          seconds[1] / seconds[0]);
    }
  }

  private static void product(MemorySegment data, int rows, int width) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = Tensor.of(data, DType.F32, rows, width);
      x.transpose(0, 1).mm(x);
    }
  }
}
