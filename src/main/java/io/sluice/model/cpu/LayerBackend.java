package io.sluice.model.cpu;

import io.sluice.memory.DType;
import io.sluice.model.ComputeType;
import io.sluice.simd.KernelProvider;
import io.sluice.simd.layers.AttentionHeads;
import io.sluice.torch.Device;
import io.sluice.torch.SplitMatrix;
import io.sluice.torch.Torch;
import io.sluice.torch.WeightMatrix;

/** What runs the layers of a model. */
public enum LayerBackend {
  /** LibTorch's operators, on any device and in any type. */
  LIBTORCH,
  /** {@link CpuLayers} whose products are taken by the BLAS under LibTorch. */
  BLAS,
  /** {@link CpuLayers} whose products with weights are three of bfloat16, by the same BLAS. */
  SPLIT,
  /** {@link CpuLayers} whose products are taken by this library's own kernels. */
  VECTOR;

  /**
   * The system property that overrules the choice: {@code libtorch}, {@code blas}, {@code split},
   * {@code vector}.
   */
  public static final String PROPERTY = "sluice.layers";

  /**
   * With MKL, models narrower than this were measured to run faster by LibTorch's operators, wider
   * ones by {@link CpuLayers}.
   */
  private static final int LEAST_WIDTH = 512;

  /**
   * The fastest for a model. On the CPU, in float32, {@link CpuLayers} run, but for narrow models
   * where LibTorch has MKL.
   *
   * @param width of the residual stream
   * @param headDim width of the attention's heads
   * @throws IllegalArgumentException if nothing here computes in {@code compute}
   */
  public static LayerBackend choose(Device device, ComputeType compute, int width, int headDim) {
    boolean possible =
        !device.isCuda() && compute.dtype() == DType.F32 && headDim <= AttentionHeads.MOST_HEAD_DIM;
    if (compute == ComputeType.BFLOAT16X3) {
      if (!possible || !SplitMatrix.isFast()) {
        throw new IllegalArgumentException(
            "bfloat16x3 needs a CPU with matrix units for bfloat16 (AMX) and a LibTorch with MKL;"
                + " compute in float32 here");
      }
      return SPLIT;
    }
    String asked = System.getProperty(PROPERTY, "auto");
    return switch (asked) {
      case "auto" -> possible ? fastest(width) : LIBTORCH;
      case "blas" -> possible && WeightMatrix.isAvailable() ? BLAS : LIBTORCH;
      case "split" -> possible && SplitMatrix.isAvailable() ? SPLIT : LIBTORCH;
      case "vector" -> possible ? VECTOR : LIBTORCH;
      case "libtorch" -> LIBTORCH;
      default ->
          throw new IllegalArgumentException(
              "-D" + PROPERTY + "=" + asked + " is not one of auto, blas, libtorch, split, vector");
    };
  }

  private static LayerBackend fastest(int width) {
    if (KernelProvider.vectorBits() < 256) {
      return LIBTORCH;
    }
    if (!Torch.info().mkl()) {
      return VECTOR;
    }
    return width >= LEAST_WIDTH && WeightMatrix.isThreadwise() ? BLAS : LIBTORCH;
  }
}
