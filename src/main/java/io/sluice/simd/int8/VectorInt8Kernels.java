package io.sluice.simd.int8;

import io.sluice.simd.VectorWidth;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** {@link Int8Kernels} for one vector width. */
final class VectorInt8Kernels implements Int8Kernels {
  private static final VectorSpecies<Float> FLOATS = VectorWidth.speciesOf(MethodHandles.lookup());
  private static final VectorSpecies<Integer> INTS =
      VectorSpecies.of(int.class, FLOATS.vectorShape());
  private static final int LANES = FLOATS.length();

  /** At 128 bits a quarter of a vector has no species; bytes then go through the scalar kernel. */
  private static final boolean NARROWS = FLOATS.vectorBitSize() >= 256;

  private static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(
          byte.class, VectorShape.forBitSize(Math.max(64, FLOATS.vectorBitSize() / 4)));

  /** Added to a small float, its last bits are the nearest whole number. */
  private static final float WHOLE = 0x1.8p23f;

  private final ScalarInt8Kernels scalar = new ScalarInt8Kernels();

  @Override
  public int round(float[] row, int width, byte[] out, float[] result) {
    int end = width - width % LANES;
    FloatVector largest = FloatVector.zero(FLOATS);
    for (int i = 0; i < end; i += LANES) {
      largest = largest.max(FloatVector.fromArray(FLOATS, row, i).abs());
    }
    float most = largest.reduceLanes(VectorOperators.MAX);
    for (int i = end; i < width; i++) {
      most = Math.max(most, Math.abs(row[i]));
    }
    float scale = most / 127;
    if (!NARROWS || !(scale >= LEAST_SCALE && scale <= GREATEST_SCALE)) {
      return scalar.round(row, width, out, result);
    }
    float inverse = 127 / most;
    FloatVector residue = FloatVector.zero(FLOATS);
    FloatVector rounded = FloatVector.zero(FLOATS);
    FloatVector sums = FloatVector.zero(FLOATS);
    for (int i = 0; i < end; i += LANES) {
      FloatVector values = FloatVector.fromArray(FLOATS, row, i);
      FloatVector q = values.mul(inverse).add(WHOLE).sub(WHOLE);
      FloatVector left = q.neg().fma(FloatVector.broadcast(FLOATS, scale), values);
      residue = left.fma(left, residue);
      rounded = q.fma(q, rounded);
      sums = sums.add(q);
      ((ByteVector) q.convertShape(VectorOperators.F2B, BYTES, 0)).intoArray(out, i);
    }
    double residueSquare = residue.reduceLanes(VectorOperators.ADD);
    double roundedSquare = rounded.reduceLanes(VectorOperators.ADD);
    int sum = 0;
    for (int lane = 0; lane < LANES; lane++) {
      // Exact up to 2²⁴, which is more than 2¹⁷ numbers can reach in one lane.
      sum += (int) sums.lane(lane);
    }
    for (int i = end; i < width; i++) {
      int q = (int) Math.rint(row[i] * inverse);
      out[i] = (byte) q;
      sum += q;
      double left = row[i] - (double) scale * q;
      residueSquare += left * left;
      roundedSquare += (double) q * q;
    }
    // A float32 sum of n squares is less than the true one by n/2²⁴ of it at most, and by what
    // squares below the smallest float have lost: no more than a ten-thousandth of the scale.
    double slack = 1 + (width + 8) * 0x1p-23;
    result[0] = scale;
    result[1] = ScalarInt8Kernels.up(Math.sqrt(residueSquare) * slack + 1e-4 * scale);
    result[2] = ScalarInt8Kernels.up(scale * Math.sqrt(roundedSquare) * slack);
    return sum;
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
    FloatVector scale = FloatVector.broadcast(FLOATS, tokens.scales[token]);
    FloatVector rounded = FloatVector.broadcast(FLOATS, tokens.rounded[token]);
    FloatVector residue = FloatVector.broadcast(FLOATS, tokens.residues[token]);
    FloatVector rest = FloatVector.broadcast(FLOATS, tokens.rests[token]);
    long passed = 0;
    for (int j = 0; j < Int8Product.BLOCK; j += LANES) {
      int row = first + j;
      IntVector whole =
          IntVector.fromMemorySegment(
                  INTS, products, at + (long) j * Integer.BYTES, ByteOrder.LITTLE_ENDIAN)
              .sub(IntVector.fromArray(INTS, bounds.shift, row));
      FloatVector inner = ((FloatVector) whole.convert(VectorOperators.I2F, 0)).mul(scale);
      FloatVector bound =
          FloatVector.fromArray(FLOATS, bounds.norms, row)
              .fma(
                  residue,
                  FloatVector.fromArray(FLOATS, bounds.residues, row)
                      .fma(
                          rounded,
                          FloatVector.fromArray(FLOATS, bounds.scales, row)
                              .fma(inner, FloatVector.fromArray(FLOATS, bounds.bias, row))));
      bound = FloatVector.fromArray(FLOATS, bounds.rests, row).fma(rest, bound);
      passed |= bound.compare(VectorOperators.LE, threshold).not().toLong() << j;
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
    FloatVector scale = FloatVector.broadcast(FLOATS, tokens.scales[token]);
    FloatVector rounded = FloatVector.broadcast(FLOATS, tokens.rounded[token]);
    FloatVector residue = FloatVector.broadcast(FLOATS, tokens.residues[token]);
    FloatVector share = FloatVector.broadcast(FLOATS, BIAS_ROOM);
    FloatVector least = FloatVector.broadcast(FLOATS, Float.MIN_NORMAL);
    long passed = 0;
    for (int j = 0; j < Int8Product.BLOCK; j += LANES) {
      int row = first + j;
      FloatVector bias = FloatVector.fromArray(FLOATS, bounds.bias, row);
      IntVector whole =
          IntVector.fromMemorySegment(
                  INTS, products, at + (long) j * Integer.BYTES, ByteOrder.LITTLE_ENDIAN)
              .sub(IntVector.fromArray(INTS, bounds.shift, row));
      FloatVector inner = ((FloatVector) whole.convert(VectorOperators.I2F, 0)).mul(scale);
      FloatVector middle = FloatVector.fromArray(FLOATS, bounds.scales, row).fma(inner, bias).abs();
      FloatVector bound =
          FloatVector.fromArray(FLOATS, bounds.norms, row)
              .fma(
                  residue, FloatVector.fromArray(FLOATS, bounds.residues, row).fma(rounded, middle))
              .add(bias.abs().fma(share, least));
      passed |= bound.compare(VectorOperators.LE, threshold).not().toLong() << j;
    }
    return passed;
  }
}
