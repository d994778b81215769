package io.sluice.model;

import io.sluice.simd.AttentionHeads;
import io.sluice.simd.KernelProvider;
import io.sluice.torch.DType;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import io.sluice.torch.WeightMatrix;

/** What runs the layers of a model. */
enum LayerEngine {
  /** LibTorch's operators, on any device and in any type. */
  LIBTORCH,
  /** {@link VectorLayers} whose products are taken by the BLAS under LibTorch. */
  BLAS,
  /** {@link VectorLayers} whose products are taken by this library's own kernels. */
  VECTOR;

  /**
   * The system property that overrules the choice: {@code libtorch}, {@code blas}, {@code vector}.
   */
  static final String PROPERTY = "sluice.layers";

  /**
   * With MKL, narrower models were measured to run faster by LibTorch's operators, wider ones taken
   * apart.
   */
  private static final int LEAST_WIDTH = 512;

  /**
   * The fastest for a model. On the CPU, in float32, layers are taken apart, but for narrow ones
   * where LibTorch has MKL.
   *
   * @param width of the residual stream
   * @param headDim width of the attention's heads
   */
  static LayerEngine choose(Device device, DType dtype, int width, int headDim) {
    boolean possible =
        !device.isCuda() && dtype == DType.F32 && headDim <= AttentionHeads.MOST_HEAD_DIM;
    String asked = System.getProperty(PROPERTY, "auto");
    return switch (asked) {
      case "auto" -> possible ? fastest(width) : LIBTORCH;
      case "blas" -> possible && WeightMatrix.isAvailable() ? BLAS : LIBTORCH;
      case "vector" -> possible ? VECTOR : LIBTORCH;
      case "libtorch" -> LIBTORCH;
      default ->
          throw new IllegalArgumentException(
              "-D" + PROPERTY + "=" + asked + " is not one of auto, blas, libtorch, vector");
    };
  }

  private static LayerEngine fastest(int width) {
    if (KernelProvider.vectorBits() < 256) {
      return LIBTORCH;
    }
    if (!Torch.info().mkl()) {
      return VECTOR;
    }
    return width >= LEAST_WIDTH && WeightMatrix.isThreadwise() ? BLAS : LIBTORCH;
  }
}
