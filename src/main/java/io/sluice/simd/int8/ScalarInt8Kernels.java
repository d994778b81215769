package io.sluice.simd.int8;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The specification of {@link Int8Kernels} in plain Java, used where the Vector API is absent. */
final class ScalarInt8Kernels implements Int8Kernels {
  @Override
  public int round(float[] row, int width, byte[] out, float[] result) {
    float most = 0;
    for (int i = 0; i < width; i++) {
      most = Math.max(most, Math.abs(row[i]));
    }
    float scale = most / 127;
    boolean rounds = scale >= LEAST_SCALE && scale <= GREATEST_SCALE;
    float inverse = rounds ? 127 / most : 0;
    float used = rounds ? scale : 0;
    double residue = 0;
    double rounded = 0;
    int sum = 0;
    for (int i = 0; i < width; i++) {
      int q = (int) Math.rint(row[i] * inverse);
      out[i] = (byte) q;
      sum += q;
      double left = row[i] - (double) used * q;
      residue += left * left;
      rounded += (double) q * q;
    }
    result[0] = used;
    result[1] = up(Math.sqrt(residue));
    result[2] = up(used * Math.sqrt(rounded));
    return sum;
  }

  /** A float above a norm that was summed in double. */
  static float up(double norm) {
    return Math.nextUp((float) (norm * (1 + 1e-9)));
  }

  @Override
  public long above(
      MemorySegment products,
      long at,
      RowBounds bounds,
      int first,
      TokenBounds tokens,
      int token,
      float threshold) {
    long passed = 0;
    for (int j = 0; j < Int8Product.BLOCK; j++) {
      int product = products.get(ValueLayout.JAVA_INT_UNALIGNED, at + (long) j * Integer.BYTES);
      float inner = (product - bounds.shift[first + j]) * tokens.scales[token];
      float bound = Math.fma(inner, bounds.scales[first + j], bounds.bias[first + j]);
      bound = Math.fma(bounds.residues[first + j], tokens.rounded[token], bound);
      bound = Math.fma(bounds.norms[first + j], tokens.residues[token], bound);
      bound = Math.fma(bounds.rests[first + j], tokens.rests[token], bound);
      if (!(bound <= threshold)) {
        passed |= 1L << j;
      }
    }
    return passed;
  }

  @Override
  public long outside(
      MemorySegment products,
      long at,
      RowBounds bounds,
      int first,
      TokenBounds tokens,
      int token,
      float threshold) {
    long passed = 0;
    for (int j = 0; j < Int8Product.BLOCK; j++) {
      int product = products.get(ValueLayout.JAVA_INT_UNALIGNED, at + (long) j * Integer.BYTES);
      float bias = bounds.bias[first + j];
      float inner = (product - bounds.shift[first + j]) * tokens.scales[token];
      float bound = Math.abs(Math.fma(inner, bounds.scales[first + j], bias));
      bound = Math.fma(bounds.residues[first + j], tokens.rounded[token], bound);
      bound = Math.fma(bounds.norms[first + j], tokens.residues[token], bound);
      bound = bound + Math.fma(Math.abs(bias), BIAS_ROOM, Float.MIN_NORMAL);
      if (!(bound <= threshold)) {
        passed |= 1L << j;
      }
    }
    return passed;
  }
}
