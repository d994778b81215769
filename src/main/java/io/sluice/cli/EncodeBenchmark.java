package io.sluice.cli;

import io.sluice.simd.EncoderWeights;
import io.sluice.simd.KernelProvider;
import io.sluice.simd.TopKEncoder;
import io.sluice.simd.Workers;
import io.sluice.torch.DType;
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
 * the same feature-major weights.
 */
final class EncodeBenchmark implements Benchmark {
  private static final int[][] SHAPES = {{384, 16384}, {768, 24576}};
  private static final int TOKENS = 1024;
  private static final int K = 32;
  private static final int WARM_UP = 2;

  @Override
  public void run(PrintWriter out, Setting setting) {
    out.printf(
        Locale.ROOT,
        "encode and select, k %d, %d tokens: %s against LibTorch's addmm and topk, float32%n"
            + "%6s %9s %12s %12s %10s %8s%n",
        K,
        TOKENS,
        KernelProvider.sparseKernels().name(),
        "width",
        "features",
        "Sluice ms",
        "LibTorch ms",
        "GF/s",
        "ratio");
    for (int[] shape : SHAPES) {
      measure(out, setting, shape[0], shape[1]);
      out.flush();
    }
  }

  private static void measure(PrintWriter out, Setting setting, int width, int features) {
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(setting.threads())) {
      MemorySegment rows = BenchmarkData.uniform(arena, (long) features * width, setting.seed());
      MemorySegment data = BenchmarkData.uniform(arena, (long) TOKENS * width, setting.seed() + 1);
      float[] tokens = data.toArray(ValueLayout.JAVA_FLOAT);
      float[] ranks = new float[features];
      Arrays.fill(ranks, 1);
      TopKEncoder encoder = new TopKEncoder(KernelProvider.sparseKernels(), workers);
      encoder.prepare(new EncoderWeights(rows, new float[features], ranks, features, width));
      int[] selected = new int[TOKENS * K];
      float[] values = new float[TOKENS * K];
      int[] counts = new int[TOKENS];
      double[] seconds =
          setting.inTurns(
              () -> encoder.encode(tokens, TOKENS, K, selected, values, counts),
              () -> addmmAndTopK(data, rows, width, features),
              WARM_UP);
      out.printf(
          Locale.ROOT,
          "%6d %9d %12.1f %12.1f %10.1f %8.2f%n",
          width,
          features,
          1e3 * seconds[0],
          1e3 * seconds[1],
          2.0 * TOKENS * width * features / seconds[0] / 1e9,
          seconds[1] / seconds[0]);
    }
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
