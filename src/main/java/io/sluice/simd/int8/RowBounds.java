package io.sluice.simd.int8;

/** What the bound needs of each row beside its bytes; all are multiplied by the row's factor. */
final class RowBounds {
  /** The scale of a row's whole numbers. */
  float[] scales = new float[0];

  /** At least the norm of what rounding left out. */
  float[] residues = new float[0];

  /** At least the norm of the row. */
  float[] norms = new float[0];

  /** At least the bias, with room for the rounding of sums with it. */
  float[] bias = new float[0];

  /** What products are too large by, since tokens have an offset of 128: 128·Σq. */
  int[] shift = new int[0];

  void fit(int rows) {
    if (scales.length < rows) {
      scales = new float[rows];
      residues = new float[rows];
      norms = new float[rows];
      bias = new float[rows];
      shift = new int[rows];
    }
  }
}
