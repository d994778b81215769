package io.sluice.simd;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link LayerKernels} for one vector width; defined once per width by {@link KernelProvider}, as
 * {@link VectorKernels} are.
 */
final class VectorLayerKernels implements LayerKernels {
  private static final VectorSpecies<Float> FLOATS = VectorWidth.speciesOf(MethodHandles.lookup());
  private static final MemorySegment ALL = NativeMemory.ALL;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final int LANES = FLOATS.length();
  private static final int BYTES = LANES * Float.BYTES;
  private static final int WIDTH = 2 * LANES;
  private static final int WIDTH_BYTES = 2 * BYTES;
  private static final VectorShuffle<Float> EIGHT_ON = laneFurtherOn(8);
  private static final VectorShuffle<Float> FOUR_ON = laneFurtherOn(4);
  private static final VectorShuffle<Float> TWO_ON = laneFurtherOn(2);

  /** {@code 1.5·2²³}: adding it rounds to a whole number, which the low bits then hold. */
  private static final float ROUNDING = 12582912f;

  private static final float LOG2_E = 1.44269504f;

  /** {@code ln 2} in two parts; products of the first with whole numbers below 2⁹ are exact. */
  private static final float LN2_HIGH = 0.693359375f;

  private static final float LN2_LOW = -2.12194440e-4f;

  private static final float SQRT_HALF = 0.70710678f;
  private static final float SQRT_TWO_OVER_PI = 0.79788456f;

  /**
   * Calls everything once, which loads the classes of all vectors and masks that are used here:
   * code that was compiled before such a class was loaded is thrown away when it is.
   */
  VectorLayerKernels() {
    int count = LANES + 1;
    float[] ones = new float[count];
    Arrays.fill(ones, 1);
    try (Arena arena = Arena.ofConfined()) {
      long memory = arena.allocate((long) WIDTH_BYTES * TILE_ROWS, WIDTH_BYTES).address();
      tile(memory, 0, memory, 1, memory, WIDTH_BYTES, memory, WIDTH_BYTES);
      for (Nonlinearity function : Nonlinearity.values()) {
        apply(function, memory, 0, 1, count);
        gate(function, memory, 0, memory, 0, 1, count);
      }
      softmax(memory, count, 1, 1);
      sumOfExponentials(memory, count, largest(memory, count, 1));
      layerNorm(memory, count, ones, ones, 1, memory);
      rmsNorm(memory, count, ones, 1, memory);
      add(memory, memory, memory, count);
    }
  }

  private static VectorShuffle<Float> laneFurtherOn(int distance) {
    return VectorShuffle.fromOp(FLOATS, i -> (i + distance) % LANES);
  }

  @Override
  public String name() {
    return "vector-" + FLOATS.vectorBitSize();
  }

  @Override
  public int panelWidth() {
    return WIDTH;
  }

  /*
   * Sixteen accumulators, fed by two loads and eight broadcasts a step, as in VectorKernels. Native
   * memory starts at a cache line, so that no load of the panel crosses one.
   */
  @Override
  public void tile(
      long rows,
      long rowBytes,
      long panel,
      int depth,
      long start,
      long startRowBytes,
      long out,
      long outRowBytes) {
    long row1 = rows + rowBytes;
    long row2 = rows + 2 * rowBytes;
    long row3 = rows + 3 * rowBytes;
    long row4 = rows + 4 * rowBytes;
    long row5 = rows + 5 * rowBytes;
    long row6 = rows + 6 * rowBytes;
    long row7 = rows + 7 * rowBytes;
    FloatVector c00 = load(start);
    FloatVector c01 = load(start + BYTES);
    FloatVector c10 = load(start + 1 * startRowBytes);
    FloatVector c11 = load(start + 1 * startRowBytes + BYTES);
    FloatVector c20 = load(start + 2 * startRowBytes);
    FloatVector c21 = load(start + 2 * startRowBytes + BYTES);
    FloatVector c30 = load(start + 3 * startRowBytes);
    FloatVector c31 = load(start + 3 * startRowBytes + BYTES);
    FloatVector c40 = load(start + 4 * startRowBytes);
    FloatVector c41 = load(start + 4 * startRowBytes + BYTES);
    FloatVector c50 = load(start + 5 * startRowBytes);
    FloatVector c51 = load(start + 5 * startRowBytes + BYTES);
    FloatVector c60 = load(start + 6 * startRowBytes);
    FloatVector c61 = load(start + 6 * startRowBytes + BYTES);
    FloatVector c70 = load(start + 7 * startRowBytes);
    FloatVector c71 = load(start + 7 * startRowBytes + BYTES);
    for (int t = 0; t < depth; t++) {
      long place = panel + (long) t * WIDTH_BYTES;
      long step = (long) t * Float.BYTES;
      FloatVector b0 = load(place);
      FloatVector b1 = load(place + BYTES);
      FloatVector x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, rows + step));
      c00 = x.fma(b0, c00);
      c01 = x.fma(b1, c01);
      x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, row1 + step));
      c10 = x.fma(b0, c10);
      c11 = x.fma(b1, c11);
      x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, row2 + step));
      c20 = x.fma(b0, c20);
      c21 = x.fma(b1, c21);
      x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, row3 + step));
      c30 = x.fma(b0, c30);
      c31 = x.fma(b1, c31);
      x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, row4 + step));
      c40 = x.fma(b0, c40);
      c41 = x.fma(b1, c41);
      x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, row5 + step));
      c50 = x.fma(b0, c50);
      c51 = x.fma(b1, c51);
      x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, row6 + step));
      c60 = x.fma(b0, c60);
      c61 = x.fma(b1, c61);
      x = FloatVector.broadcast(FLOATS, ALL.get(FLOAT, row7 + step));
      c70 = x.fma(b0, c70);
      c71 = x.fma(b1, c71);
    }
    c00.intoMemorySegment(ALL, out, ORDER);
    c01.intoMemorySegment(ALL, out + BYTES, ORDER);
    c10.intoMemorySegment(ALL, out + 1 * outRowBytes, ORDER);
    c11.intoMemorySegment(ALL, out + 1 * outRowBytes + BYTES, ORDER);
    c20.intoMemorySegment(ALL, out + 2 * outRowBytes, ORDER);
    c21.intoMemorySegment(ALL, out + 2 * outRowBytes + BYTES, ORDER);
    c30.intoMemorySegment(ALL, out + 3 * outRowBytes, ORDER);
    c31.intoMemorySegment(ALL, out + 3 * outRowBytes + BYTES, ORDER);
    c40.intoMemorySegment(ALL, out + 4 * outRowBytes, ORDER);
    c41.intoMemorySegment(ALL, out + 4 * outRowBytes + BYTES, ORDER);
    c50.intoMemorySegment(ALL, out + 5 * outRowBytes, ORDER);
    c51.intoMemorySegment(ALL, out + 5 * outRowBytes + BYTES, ORDER);
    c60.intoMemorySegment(ALL, out + 6 * outRowBytes, ORDER);
    c61.intoMemorySegment(ALL, out + 6 * outRowBytes + BYTES, ORDER);
    c70.intoMemorySegment(ALL, out + 7 * outRowBytes, ORDER);
    c71.intoMemorySegment(ALL, out + 7 * outRowBytes + BYTES, ORDER);
  }

  /*
   * Whole vectors go through loops without masks: with them every access costs several times as
   * much. What is left of a row, if its width is no multiple of the lanes, takes one masked step.
   */

  @Override
  public void apply(Nonlinearity function, long values, long rowBytes, int rows, int count) {
    int whole = FLOATS.loopBound(count);
    for (int row = 0; row < rows; row++) {
      long at = values + row * rowBytes;
      for (int i = 0; i < whole; i += LANES) {
        long place = at + (long) i * Float.BYTES;
        of(function, load(place)).intoMemorySegment(ALL, place, ORDER);
      }
      if (whole < count) {
        VectorMask<Float> mask = FLOATS.indexInRange(whole, count);
        long place = at + (long) whole * Float.BYTES;
        of(function, load(place, mask)).intoMemorySegment(ALL, place, ORDER, mask);
      }
    }
  }

  @Override
  public void gate(
      Nonlinearity function,
      long gate,
      long gateRowBytes,
      long values,
      long rowBytes,
      int rows,
      int count) {
    int whole = FLOATS.loopBound(count);
    for (int row = 0; row < rows; row++) {
      long gateAt = gate + row * gateRowBytes;
      long at = values + row * rowBytes;
      for (int i = 0; i < whole; i += LANES) {
        long step = (long) i * Float.BYTES;
        of(function, load(gateAt + step))
            .mul(load(at + step))
            .intoMemorySegment(ALL, at + step, ORDER);
      }
      if (whole < count) {
        VectorMask<Float> mask = FLOATS.indexInRange(whole, count);
        long step = (long) whole * Float.BYTES;
        of(function, load(gateAt + step, mask))
            .mul(load(at + step, mask))
            .intoMemorySegment(ALL, at + step, ORDER, mask);
      }
    }
  }

  @Override
  public float largest(long scores, int count, float cap) {
    int whole = FLOATS.loopBound(count);
    FloatVector most = FloatVector.broadcast(FLOATS, Float.NEGATIVE_INFINITY);
    if (cap > 0) {
      for (int i = 0; i < whole; i += LANES) {
        long place = scores + (long) i * Float.BYTES;
        limited(load(place), cap).intoMemorySegment(ALL, place, ORDER);
      }
    }
    for (int i = 0; i < whole; i += LANES) {
      most = most.max(load(scores + (long) i * Float.BYTES));
    }
    // The largest is the same in whatever order lanes are compared.
    float largest = most.reduceLanes(VectorOperators.MAX);
    if (whole < count) {
      VectorMask<Float> mask = FLOATS.indexInRange(whole, count);
      long end = scores + (long) whole * Float.BYTES;
      FloatVector rest = load(end, mask);
      if (cap > 0) {
        rest = limited(rest, cap);
        rest.intoMemorySegment(ALL, end, ORDER, mask);
      }
      largest = Math.max(largest, rest.reduceLanes(VectorOperators.MAX, mask));
    }
    return largest;
  }

  @Override
  public float sumOfExponentials(long scores, int count, float shift) {
    int whole = FLOATS.loopBound(count);
    FloatVector sums = FloatVector.zero(FLOATS);
    for (int i = 0; i < whole; i += LANES) {
      sums = sums.add(exp(load(scores + (long) i * Float.BYTES).sub(shift)));
    }
    if (whole < count) {
      VectorMask<Float> mask = FLOATS.indexInRange(whole, count);
      FloatVector rest = exp(load(scores + (long) whole * Float.BYTES, mask).sub(shift));
      sums = sums.add(FloatVector.zero(FLOATS).blend(rest, mask));
    }
    return total(sums);
  }

  @Override
  public void softmax(long scores, int count, float scale, float cap) {
    int whole = FLOATS.loopBound(count);
    VectorMask<Float> mask = FLOATS.indexInRange(whole, count);
    long end = scores + (long) whole * Float.BYTES;
    FloatVector most = FloatVector.broadcast(FLOATS, Float.NEGATIVE_INFINITY);
    for (int i = 0; i < whole; i += LANES) {
      long place = scores + (long) i * Float.BYTES;
      FloatVector score = scaled(load(place), scale, cap);
      score.intoMemorySegment(ALL, place, ORDER);
      most = most.max(score);
    }
    if (whole < count) {
      FloatVector score = scaled(load(end, mask), scale, cap);
      score.intoMemorySegment(ALL, end, ORDER, mask);
      most = most.max(FloatVector.broadcast(FLOATS, Float.NEGATIVE_INFINITY).blend(score, mask));
    }
    // The largest is the same in whatever order lanes are compared.
    float largest = most.reduceLanes(VectorOperators.MAX);
    FloatVector sums = FloatVector.zero(FLOATS);
    for (int i = 0; i < whole; i += LANES) {
      long place = scores + (long) i * Float.BYTES;
      FloatVector weight = exp(load(place).sub(largest));
      weight.intoMemorySegment(ALL, place, ORDER);
      sums = sums.add(weight);
    }
    if (whole < count) {
      FloatVector weight = exp(load(end, mask).sub(largest));
      weight.intoMemorySegment(ALL, end, ORDER, mask);
      sums = sums.add(FloatVector.zero(FLOATS).blend(weight, mask));
    }
    float factor = 1 / total(sums);
    for (int i = 0; i < whole; i += LANES) {
      long place = scores + (long) i * Float.BYTES;
      load(place).mul(factor).intoMemorySegment(ALL, place, ORDER);
    }
    if (whole < count) {
      load(end, mask).mul(factor).intoMemorySegment(ALL, end, ORDER, mask);
    }
  }

  private static FloatVector scaled(FloatVector score, float scale, float cap) {
    FloatVector scaled = score.mul(scale);
    return cap > 0 ? limited(scaled, cap) : scaled;
  }

  private static FloatVector limited(FloatVector score, float cap) {
    return tanh(score.mul(1 / cap)).mul(cap);
  }

  @Override
  public void layerNorm(long x, int width, float[] weight, float[] bias, float epsilon, long out) {
    int whole = FLOATS.loopBound(width);
    VectorMask<Float> mask = FLOATS.indexInRange(whole, width);
    long end = (long) whole * Float.BYTES;
    FloatVector sums = FloatVector.zero(FLOATS);
    for (int i = 0; i < whole; i += LANES) {
      sums = sums.add(load(x + (long) i * Float.BYTES));
    }
    if (whole < width) {
      sums = sums.add(load(x + end, mask));
    }
    float mean = total(sums) / width;
    FloatVector squares = FloatVector.zero(FLOATS);
    for (int i = 0; i < whole; i += LANES) {
      FloatVector difference = load(x + (long) i * Float.BYTES).sub(mean);
      squares = difference.fma(difference, squares);
    }
    if (whole < width) {
      FloatVector difference = load(x + end, mask).sub(mean);
      squares = squares.add(FloatVector.zero(FLOATS).blend(difference.mul(difference), mask));
    }
    float factor = (float) (1 / Math.sqrt(total(squares) / width + epsilon));
    for (int i = 0; i < whole; i += LANES) {
      long step = (long) i * Float.BYTES;
      load(x + step)
          .sub(mean)
          .mul(factor)
          .fma(FloatVector.fromArray(FLOATS, weight, i), FloatVector.fromArray(FLOATS, bias, i))
          .intoMemorySegment(ALL, out + step, ORDER);
    }
    if (whole < width) {
      load(x + end, mask)
          .sub(mean)
          .mul(factor)
          .fma(
              FloatVector.fromArray(FLOATS, weight, whole, mask),
              FloatVector.fromArray(FLOATS, bias, whole, mask))
          .intoMemorySegment(ALL, out + end, ORDER, mask);
    }
  }

  @Override
  public void rmsNorm(long x, int width, float[] weight, float epsilon, long out) {
    int whole = FLOATS.loopBound(width);
    VectorMask<Float> mask = FLOATS.indexInRange(whole, width);
    long end = (long) whole * Float.BYTES;
    FloatVector squares = FloatVector.zero(FLOATS);
    for (int i = 0; i < whole; i += LANES) {
      FloatVector value = load(x + (long) i * Float.BYTES);
      squares = value.fma(value, squares);
    }
    if (whole < width) {
      FloatVector value = load(x + end, mask);
      squares = value.fma(value, squares);
    }
    float factor = (float) (1 / Math.sqrt(total(squares) / width + epsilon));
    for (int i = 0; i < whole; i += LANES) {
      long step = (long) i * Float.BYTES;
      load(x + step)
          .mul(factor)
          .mul(FloatVector.fromArray(FLOATS, weight, i))
          .intoMemorySegment(ALL, out + step, ORDER);
    }
    if (whole < width) {
      load(x + end, mask)
          .mul(factor)
          .mul(FloatVector.fromArray(FLOATS, weight, whole, mask))
          .intoMemorySegment(ALL, out + end, ORDER, mask);
    }
  }

  @Override
  public void add(long a, long b, long out, int count) {
    int whole = FLOATS.loopBound(count);
    for (int i = 0; i < whole; i += LANES) {
      long step = (long) i * Float.BYTES;
      load(a + step).add(load(b + step)).intoMemorySegment(ALL, out + step, ORDER);
    }
    if (whole < count) {
      VectorMask<Float> mask = FLOATS.indexInRange(whole, count);
      long step = (long) whole * Float.BYTES;
      load(a + step, mask)
          .add(load(b + step, mask))
          .intoMemorySegment(ALL, out + step, ORDER, mask);
    }
  }

  private static FloatVector of(Nonlinearity function, FloatVector x) {
    return switch (function) {
      case GELU -> gelu(x);
      case GELU_TANH -> {
        FloatVector inner = x.mul(x).mul(0.044715f).add(1).mul(x).mul(SQRT_TWO_OVER_PI);
        // (1 + tanh(y)) / 2 is the sigmoid of 2y.
        yield x.mul(sigmoid(inner.mul(2)));
      }
      case RELU -> x.max(0);
      case SILU -> x.mul(sigmoid(x));
    };
  }

  /*
   * x·Φ(x). The complement of the error function is exp(−z²) times a polynomial in 1/(1 + 0.39·z),
   * of the form of Abramowitz and Stegun 7.1.26, fitted to 8.3e-9.
   */
  private static FloatVector gelu(FloatVector x) {
    FloatVector z = x.abs().mul(SQRT_HALF);
    FloatVector t = FloatVector.broadcast(FLOATS, 1).div(z.mul(0.39f).add(1));
    FloatVector series =
        FloatVector.broadcast(FLOATS, -0.22753817f)
            .fma(t, FloatVector.broadcast(FLOATS, 0.8866686f))
            .fma(t, FloatVector.broadcast(FLOATS, -0.6354072f))
            .fma(t, FloatVector.broadcast(FLOATS, 0.649565f))
            .fma(t, FloatVector.broadcast(FLOATS, 0.09138618f))
            .fma(t, FloatVector.broadcast(FLOATS, 0.23532557f))
            .mul(t);
    FloatVector tail = series.mul(exp(z.mul(z).neg())).mul(0.5f);
    // Right of zero Φ is 1 less the tail.
    return x.mul(
        tail.blend(FloatVector.broadcast(FLOATS, 1).sub(tail), x.compare(VectorOperators.GT, 0)));
  }

  private static FloatVector sigmoid(FloatVector x) {
    return FloatVector.broadcast(FLOATS, 1).div(exp(x.neg()).add(1));
  }

  private static FloatVector tanh(FloatVector x) {
    return sigmoid(x.mul(2)).mul(2).sub(1);
  }

  /*
   * 2ⁿ·exp(r), |r| ≤ ln 2 / 2, with a polynomial fitted to 5.3e-9. Clamped where float32 ends; NaN
   * stays NaN.
   */
  private static FloatVector exp(FloatVector x) {
    FloatVector limited = x.max(-87.3f).min(88.3f);
    FloatVector shifted =
        limited.fma(FloatVector.broadcast(FLOATS, LOG2_E), FloatVector.broadcast(FLOATS, ROUNDING));
    FloatVector n = shifted.sub(ROUNDING);
    FloatVector r =
        n.fma(
            FloatVector.broadcast(FLOATS, -LN2_LOW),
            n.fma(FloatVector.broadcast(FLOATS, -LN2_HIGH), limited));
    FloatVector series =
        FloatVector.broadcast(FLOATS, 1.395054e-3f)
            .fma(r, FloatVector.broadcast(FLOATS, 8.368918e-3f))
            .fma(r, FloatVector.broadcast(FLOATS, 4.1666206e-2f))
            .fma(r, FloatVector.broadcast(FLOATS, 0.16666518f))
            .fma(r, FloatVector.broadcast(FLOATS, 0.5f))
            .fma(r.mul(r), r)
            .add(1);
    return series
        .reinterpretAsInts()
        .add(shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23))
        .reinterpretAsFloats();
  }

  /** The sum of all lanes, in an order that is always the same. */
  private static float total(FloatVector sums) {
    FloatVector sum = sums;
    if (LANES >= 16) {
      sum = sum.add(sum.rearrange(EIGHT_ON));
    }
    if (LANES >= 8) {
      sum = sum.add(sum.rearrange(FOUR_ON));
    }
    sum = sum.add(sum.rearrange(TWO_ON));
    return sum.lane(0) + sum.lane(1);
  }

  private static FloatVector load(long at) {
    return FloatVector.fromMemorySegment(FLOATS, ALL, at, ORDER);
  }

  private static FloatVector load(long at, VectorMask<Float> mask) {
    return FloatVector.fromMemorySegment(FLOATS, ALL, at, ORDER, mask);
  }
}
