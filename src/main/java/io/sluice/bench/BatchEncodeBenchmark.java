package io.sluice.bench;

import io.sluice.engine.vector.Int8Units;
import io.sluice.memory.DType;
import io.sluice.memory.Workers;
import io.sluice.simd.KernelProvider;
import io.sluice.simd.batch.EncoderWeights;
import io.sluice.simd.batch.TopKEncoder;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Locale;

/**
 * Encoding with selection of the top k, fused, against LibTorch's {@code addmm} and {@code topk} on
 * the same feature-major weights: on tokens with the spectrum of attention outputs, with features
 * in the same subspace, and on isotropic tokens. Shares of the peak count the operations of the
 * whole product for both.
 */
public final class BatchEncodeBenchmark implements Benchmark {
  private static final int TOKENS = 4096;
  private static final int K = 32;

  /** Width and features. */
  private static final int[][] SHAPES = {{384, 16384}, {768, 24576}};

  /** The fifth pass is the first that has learned from four. */
  private static final int WARM_UP = 5;

  @Override
  public void run(PrintWriter out, Setting setting) {
    out.printf(
        Locale.ROOT,
        "encode and select, k %d, %d tokens: %s against LibTorch's addmm and topk, float32%n"
            + "%-10s %6s %9s %11s %11s %12s %8s %8s%n",
        K,
        TOKENS,
        KernelProvider.name(),
        "tokens",
        "width",
        "features",
        "screen",
        "Sluice ms",
        "LibTorch ms",
        "of peak",
        "ratio");
    for (boolean attention : new boolean[] {true, false}) {
      for (int[] shape : SHAPES) {
        measure(setting, attention, shape[0], shape[1]).print(out);
        out.flush();
      }
    }
  }

  /**
   * Results for one kind of tokens and one shape.
   *
   * @param screen the bounds used in the last pass
   * @param seconds of Sluice and of LibTorch
   * @param peak multiply-adds of the machine, in operations per second
   */
  private record Measured(
      boolean attention, int width, int features, String screen, Pair seconds, double peak) {
    void print(PrintWriter out) {
      out.printf(
          Locale.ROOT,
          "%-10s %6d %9d %11s %11.1f %12.1f %7.0f%% %8.2f%n",
          attention ? "attention" : "isotropic",
          width,
          features,
          screen,
          1e3 * seconds.sluice(),
          1e3 * seconds.torch(),
          100 * 2.0 * TOKENS * width * features / seconds.sluice() / peak,
          seconds.ratio());
    }
  }

  private static Measured measure(Setting setting, boolean attention, int width, int features) {
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(setting.threads())) {
      long seed = setting.seed();
      MemorySegment rows =
          attention
              ? BenchmarkData.active(arena, features, width, seed)
              : BenchmarkData.uniform(arena, (long) features * width, seed);
      MemorySegment data =
          attention
              ? BenchmarkData.attention(arena, TOKENS, width, seed + 1)
              : BenchmarkData.uniform(arena, (long) TOKENS * width, seed + 1);
      float[] tokens = data.toArray(ValueLayout.JAVA_FLOAT);
      float[] factors = new float[features];
      Arrays.fill(factors, 1);
      TopKEncoder encoder = new TopKEncoder(workers, Int8Units::product);
      encoder.prepare(new EncoderWeights(rows, new float[features], factors, features, width));
      int[] selected = new int[TOKENS * K];
      float[] values = new float[TOKENS * K];
      int[] counts = new int[TOKENS];
      double[] seconds =
          setting.inTurns(
              WARM_UP,
              () -> encoder.encode(tokens, TOKENS, K, selected, values, counts),
              () -> addmmAndTopK(data, rows, width, features),
              () -> PeakBenchmark.multiplyAdds(workers));
      return new Measured(
          attention,
          width,
          features,
          screen(encoder),
          new Pair(seconds[0], seconds[1]),
          PeakBenchmark.rate(workers, seconds[2]));
    }
  }

  private static String screen(TopKEncoder encoder) {
    return encoder.screen().replace("directions", String.valueOf(encoder.screenedDirections()));
  }

  private static void addmmAndTopK(MemorySegment tokens, MemorySegment rows, int d, int features) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = Tensor.of(tokens, DType.F32, TOKENS, d);
      Tensor w = Tensor.of(rows, DType.F32, features, d);
      Tensor bias = Tensor.zeros(DType.F32, x.device(), features);
      bias.addmm(x, w.transpose(0, 1), 1, 1).topk(K, 1, false);
    }
  }
}
