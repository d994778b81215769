package io.sluice.bench;

import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.simd.KernelProvider;
import io.sluice.simd.layers.PackedMatrix;
import io.sluice.simd.layers.RowProduct;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Locale;

/**
 * Products of a batch with a layer's packed weights, against LibTorch's {@code linear} of the same
 * weights: sizes of all-MiniLM-L6-v2 and of SmolLM2-135M.
 */
public final class ProductBenchmark implements Benchmark {
  /** Inputs and outputs of a matrix. */
  private static final int[][] MATRICES = {
    {384, 384}, {384, 1536}, {1536, 384}, {576, 960}, {576, 1536}, {1536, 576}
  };

  private static final int ROWS = 2048;
  private static final double OPERATIONS = 2e10;
  private static final int WARM_UP = 3;

  @Override
  public void run(PrintWriter out, Setting setting) {
    out.printf(
        Locale.ROOT,
        "product: %s against LibTorch's linear, %d rows, float32%n%6s %6s %14s %14s %8s %8s%n",
        KernelProvider.name(),
        ROWS,
        "in",
        "out",
        "Sluice GF/s",
        "LibTorch GF/s",
        "of peak",
        "ratio");
    for (int[] matrix : MATRICES) {
      measure(setting, matrix[0], matrix[1]).print(out);
      out.flush();
    }
  }

  /**
   * Results for one matrix.
   *
   * @param operations of each side
   * @param seconds of Sluice and of LibTorch
   * @param peak multiply-adds of the machine, in operations per second
   */
  private record Measured(int in, int width, double operations, Pair seconds, double peak) {
    void print(PrintWriter out) {
      out.printf(
          Locale.ROOT,
          "%6d %6d %14.1f %14.1f %7.0f%% %8.2f%n",
          in,
          width,
          operations / 1e9 / seconds.sluice(),
          operations / 1e9 / seconds.torch(),
          100 * operations / seconds.sluice() / peak,
          seconds.ratio());
    }
  }

  private static Measured measure(Setting setting, int in, int width) {
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(setting.threads());
        TensorScope scope = TensorScope.open()) {
      MemorySegment x = BenchmarkData.uniform(arena, (long) ROWS * in, setting.seed());
      MemorySegment weights = BenchmarkData.uniform(arena, (long) width * in, setting.seed() + 1);
      MemorySegment y = arena.allocate((long) ROWS * width * Float.BYTES, 64);
      PackedMatrix packed = new PackedMatrix(width, in, arena);
      packed.set(0, width, weights, in, 1, workers);
      RowProduct product = new RowProduct();
      Tensor rows = Tensor.of(x, DType.F32, ROWS, in);
      Tensor matrix = Tensor.of(weights, DType.F32, width, in);
      int times = (int) Math.ceil(OPERATIONS / (2.0 * ROWS * in * width));
      // LibTorch's threads wait busily for a while after their work; that slows the measured peak,
      // not Sluice.
      double[] seconds =
          setting.inTurns(
              WARM_UP,
              () -> repeat(times, () -> product.multiply(packed, x, ROWS, y, workers)),
              () -> repeat(times, () -> linear(rows, matrix)),
              () -> PeakBenchmark.multiplyAdds(workers));
      return new Measured(
          in,
          width,
          2.0 * times * ROWS * in * width,
          new Pair(seconds[0], seconds[1]),
          PeakBenchmark.rate(workers, seconds[2]));
    }
  }

  private static void repeat(int times, Runnable call) {
    for (int i = 0; i < times; i++) {
      call.run();
    }
  }

  private static void linear(Tensor rows, Tensor matrix) {
    try (TensorScope scope = TensorScope.open()) {
      rows.linear(matrix, null);
    }
  }
}
