package io.sluice.cli;

import io.sluice.simd.Element;
import io.sluice.simd.KernelProvider;
import io.sluice.simd.MomentAccumulator;
import io.sluice.simd.Rows;
import io.sluice.simd.Workers;
import io.sluice.torch.DType;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;
import java.util.Random;

/**
 * Mean and covariance sums by the Vector API against LibTorch's plain {@code XᵀX}, which neither
 * centres nor sums in float64. Rates count the {@code n·d·(d + 1)} operations of one triangle for
 * both, so that they compare as times do.
 */
final class CovarianceBenchmark implements Benchmark {
  private static final int[] WIDTHS = {384, 768, 2048};
  private static final double OPERATIONS = 2.5e9;

  @Override
  public void run(PrintWriter out, int rounds, long seed) {
    int threads = Workers.allCores().threads();
    if (Torch.isAvailable()) {
      Torch.threads(threads);
    }
    out.printf(
        Locale.ROOT,
        "covariance, float32, %d threads: %s against %s%n",
        threads,
        KernelProvider.kernels().name(),
        Torch.isAvailable() ? "LibTorch " + Torch.info().version() + " XᵀX" : "no LibTorch");
    out.printf(
        Locale.ROOT,
        "%6s %8s %14s %14s %8s%n",
        "width",
        "rows",
        "Sluice GF/s",
        "LibTorch",
        "ratio");
    for (int width : WIDTHS) {
      out.println(line(width, rounds, seed));
      out.flush();
    }
  }

  private static String line(int width, int rounds, long seed) {
    int count = (int) Math.max(2048, OPERATIONS / width / width) / 1024 * 1024;
    double operations = (double) count * width * (width + 1) / 1e9;
    try (Arena arena = Arena.ofShared()) {
      MemorySegment data = arena.allocate(4L * count * width, 64);
      Random random = new Random(seed);
      for (long i = 0; i < (long) count * width; i++) {
        data.setAtIndex(ValueLayout.JAVA_FLOAT, i, random.nextFloat() - 0.5f);
      }
      MomentAccumulator accumulator = new MomentAccumulator(width);
      Runnable ours = () -> accumulator.add(new Rows(data, Element.F32, count, width));
      Runnable theirs = () -> product(data, count, width);
      boolean both = Torch.isAvailable();
      // C2 compiles the tile after some thousand calls.
      for (int i = 0; i < 3; i++) {
        ours.run();
        if (both) {
          theirs.run();
        }
      }
      double[] mine = new double[rounds];
      double[] other = new double[rounds];
      for (int i = 0; i < rounds; i++) {
        mine[i] = Benchmark.seconds(ours);
        other[i] = both ? Benchmark.seconds(theirs) : Double.NaN;
      }
      double a = Benchmark.median(mine);
      double b = Benchmark.median(other);
      return String.format(
          Locale.ROOT,
          "%6d %8d %14.1f %14.1f %8.2f",
          width,
          count,
          operations / a,
          operations / b,
          b / a);
    }
  }

  private static void product(MemorySegment data, int count, int width) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = Tensor.of(data, DType.F32, count, width);
      x.transpose(0, 1).mm(x);
    }
  }
}
