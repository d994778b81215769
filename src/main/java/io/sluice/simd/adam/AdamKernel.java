package io.sluice.simd.adam;

import io.sluice.memory.NativeMemory;
import io.sluice.simd.KernelProvider;
import java.lang.invoke.MethodHandles;
import java.util.List;

/**
 * The inner loop of {@link AdamRows}. Memory is given by address, see {@link NativeMemory}, and
 * trusted.
 */
interface AdamKernel {
  /** Moments below this move no weight. */
  float VANISHING = 1e-30f;

  /**
   * One step of Adam on one row, as {@link AdamRows.Session#step} defines it.
   *
   * @param value address of the row
   * @param first address of its first moments
   * @param second address of its second moments
   * @param width values of the row
   * @param gradient at least that many, or null for zero
   */
  void adam(
      long value,
      long first,
      long second,
      int width,
      float[] gradient,
      float decay1,
      float decay2,
      AdamRows.Factors factors);

  /**
   * The same with moments in bfloat16, which are rounded by {@link StochasticRounding} when they
   * are stored; the row itself moves by the moments before rounding. All kernels give the same
   * bits.
   *
   * @param rowKey what the random bits follow from
   */
  void adamRounded(
      long value,
      long first,
      long second,
      int width,
      float[] gradient,
      float decay1,
      float decay2,
      AdamRows.Factors factors,
      int rowKey);

  /** The kernel of this machine. */
  static AdamKernel ofThisMachine() {
    return Chosen.KERNEL;
  }

  /** That of every vector width that this machine has in hardware, narrowest first. */
  static List<AdamKernel> everyWidth() {
    return KernelProvider.everyWidth(
        MethodHandles.lookup(), AdamKernel.class, VectorAdamKernel.class);
  }

  /** Made when it is first asked for. */
  final class Chosen {
    private static final AdamKernel KERNEL =
        KernelProvider.choose(
            MethodHandles.lookup(),
            AdamKernel.class,
            VectorAdamKernel.class,
            ScalarAdamKernel::new);

    private Chosen() {}
  }
}
