package io.sluice.simd.int8;

import io.sluice.memory.ScratchArrays;

/** The numbers of each token, beside its bytes, from which the bound is computed. */
final class TokenBounds {
  /** The scale of a token's whole numbers. */
  float[] scales = new float[0];

  /** At least the norm of the rounded token. */
  float[] rounded = new float[0];

  /** At least the norm of what rounding left out. */
  float[] residues = new float[0];

  /** At least the norm of what the token has outside the coordinates that are rounded. */
  float[] rests = new float[0];

  void fit(int tokens) {
    scales = ScratchArrays.atLeast(scales, tokens);
    rounded = ScratchArrays.atLeast(rounded, tokens);
    rests = ScratchArrays.atLeast(rests, tokens);
    residues = ScratchArrays.atLeast(residues, tokens);
  }
}
