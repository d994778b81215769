package io.sluice.simd.int8;

import io.sluice.memory.ScratchArrays;

/**
 * The numbers of each row, beside its bytes, from which the bound is computed; all are multiplied
 * by the row's factor.
 */
final class RowBounds {
  /** The scale of a row's whole numbers. */
  float[] scales = new float[0];

  /** At least the norm of what rounding left out. */
  float[] residues = new float[0];

  /** At least the norm of the row. */
  float[] norms = new float[0];

  /** At least the norm of what the row has outside the coordinates that are rounded. */
  float[] rests = new float[0];

  /** At least the bias, with room for the rounding of sums with it. */
  float[] bias = new float[0];

  /** The excess of products, since tokens have an offset of 128: {@code 128·Σq}. */
  int[] shift = new int[0];

  void fit(int rows) {
    scales = ScratchArrays.atLeast(scales, rows);
    residues = ScratchArrays.atLeast(residues, rows);
    norms = ScratchArrays.atLeast(norms, rows);
    rests = ScratchArrays.atLeast(rests, rows);
    bias = ScratchArrays.atLeast(bias, rows);
    shift = ScratchArrays.atLeast(shift, rows);
  }
}
