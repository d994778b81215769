package io.sluice.simd.int8;

import io.sluice.simd.KernelProvider;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;

/**
 * The inner loops that round to int8 and compare bounds with thresholds. {@link ScalarInt8Kernels}
 * defines what each method computes.
 */
interface Int8Kernels {
  /** Rounded rows have a scale in this range; others are all residue. */
  float LEAST_SCALE = 1e-12f;

  float GREATEST_SCALE = 1e12f;

  /** More than the share by which a bias that is kept may be above the true one. */
  float BIAS_ROOM = 0x1p-18f;

  /**
   * Rounds a row to {@code scale · q} with whole {@code |q| ≤ 127}.
   *
   * @param row finite values
   * @param out receives {@code q}
   * @param result receives the scale, an upper bound of the norm of {@code row − scale·q}, and an
   *     upper bound of the norm of {@code scale·q}
   * @return the sum of {@code q}
   */
  int round(float[] row, int width, byte[] out, float[] result);

  /**
   * Which of a block's rows may have a score above a token's threshold: bit {@code j} is 0 only if
   * {@code scales[j]·scale·(products[j] − shift[j]) + residues[j]·rounded + norms[j]·residue +
   * rests[j]·rest + bias[j] ≤ threshold}; a bound that is not a number passes.
   *
   * @param products int32 from byte {@code at} on, one for each row of the block
   * @param bounds the block's rows
   * @param first the block's first row in {@code bounds}
   */
  long above(
      MemorySegment products,
      long at,
      RowBounds bounds,
      int first,
      TokenBounds tokens,
      int token,
      float threshold);

  /**
   * Which of a block's rows may have a score that is further from 0 than a token's threshold: bit
   * {@code j} is 0 only if {@code |scales[j]·scale·(products[j] − shift[j]) + bias[j]| +
   * residues[j]·rounded + norms[j]·residue} and what {@code bias[j]} may be too large by are no
   * more than the threshold; a bound that is not a number passes.
   */
  long outside(
      MemorySegment products,
      long at,
      RowBounds bounds,
      int first,
      TokenBounds tokens,
      int token,
      float threshold);

  /** The kernels of this machine. */
  static Int8Kernels ofThisMachine() {
    return Chosen.KERNELS;
  }

  /** Made when they are first asked for. */
  final class Chosen {
    private static final Int8Kernels KERNELS =
        KernelProvider.choose(
            MethodHandles.lookup(),
            Int8Kernels.class,
            VectorInt8Kernels.class,
            ScalarInt8Kernels::new);

    private Chosen() {}
  }
}
