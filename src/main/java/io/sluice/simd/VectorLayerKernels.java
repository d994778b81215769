package io.sluice.simd;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;
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
      MemorySegment rows,
      long at,
      long rowBytes,
      MemorySegment panel,
      long panelAt,
      int depth,
      MemorySegment start,
      long startAt,
      long startRowBytes,
      MemorySegment out,
      long outAt,
      long outRowBytes) {
    long row1 = at + rowBytes;
    long row2 = at + 2 * rowBytes;
    long row3 = at + 3 * rowBytes;
    long row4 = at + 4 * rowBytes;
    long row5 = at + 5 * rowBytes;
    long row6 = at + 6 * rowBytes;
    long row7 = at + 7 * rowBytes;
    FloatVector c00 = load(start, startAt);
    FloatVector c01 = load(start, startAt + BYTES);
    FloatVector c10 = load(start, startAt + 1 * startRowBytes);
    FloatVector c11 = load(start, startAt + 1 * startRowBytes + BYTES);
    FloatVector c20 = load(start, startAt + 2 * startRowBytes);
    FloatVector c21 = load(start, startAt + 2 * startRowBytes + BYTES);
    FloatVector c30 = load(start, startAt + 3 * startRowBytes);
    FloatVector c31 = load(start, startAt + 3 * startRowBytes + BYTES);
    FloatVector c40 = load(start, startAt + 4 * startRowBytes);
    FloatVector c41 = load(start, startAt + 4 * startRowBytes + BYTES);
    FloatVector c50 = load(start, startAt + 5 * startRowBytes);
    FloatVector c51 = load(start, startAt + 5 * startRowBytes + BYTES);
    FloatVector c60 = load(start, startAt + 6 * startRowBytes);
    FloatVector c61 = load(start, startAt + 6 * startRowBytes + BYTES);
    FloatVector c70 = load(start, startAt + 7 * startRowBytes);
    FloatVector c71 = load(start, startAt + 7 * startRowBytes + BYTES);
    for (int t = 0; t < depth; t++) {
      long place = panelAt + (long) t * WIDTH_BYTES;
      long step = (long) t * Float.BYTES;
      FloatVector b0 = load(panel, place);
      FloatVector b1 = load(panel, place + BYTES);
      FloatVector x = FloatVector.broadcast(FLOATS, rows.get(FLOAT, at + step));
      c00 = x.fma(b0, c00);
      c01 = x.fma(b1, c01);
      x = FloatVector.broadcast(FLOATS, rows.get(FLOAT, row1 + step));
      c10 = x.fma(b0, c10);
      c11 = x.fma(b1, c11);
      x = FloatVector.broadcast(FLOATS, rows.get(FLOAT, row2 + step));
      c20 = x.fma(b0, c20);
      c21 = x.fma(b1, c21);
      x = FloatVector.broadcast(FLOATS, rows.get(FLOAT, row3 + step));
      c30 = x.fma(b0, c30);
      c31 = x.fma(b1, c31);
      x = FloatVector.broadcast(FLOATS, rows.get(FLOAT, row4 + step));
      c40 = x.fma(b0, c40);
      c41 = x.fma(b1, c41);
      x = FloatVector.broadcast(FLOATS, rows.get(FLOAT, row5 + step));
      c50 = x.fma(b0, c50);
      c51 = x.fma(b1, c51);
      x = FloatVector.broadcast(FLOATS, rows.get(FLOAT, row6 + step));
      c60 = x.fma(b0, c60);
      c61 = x.fma(b1, c61);
      x = FloatVector.broadcast(FLOATS, rows.get(FLOAT, row7 + step));
      c70 = x.fma(b0, c70);
      c71 = x.fma(b1, c71);
    }
    c00.intoMemorySegment(out, outAt, ORDER);
    c01.intoMemorySegment(out, outAt + BYTES, ORDER);
    c10.intoMemorySegment(out, outAt + 1 * outRowBytes, ORDER);
    c11.intoMemorySegment(out, outAt + 1 * outRowBytes + BYTES, ORDER);
    c20.intoMemorySegment(out, outAt + 2 * outRowBytes, ORDER);
    c21.intoMemorySegment(out, outAt + 2 * outRowBytes + BYTES, ORDER);
    c30.intoMemorySegment(out, outAt + 3 * outRowBytes, ORDER);
    c31.intoMemorySegment(out, outAt + 3 * outRowBytes + BYTES, ORDER);
    c40.intoMemorySegment(out, outAt + 4 * outRowBytes, ORDER);
    c41.intoMemorySegment(out, outAt + 4 * outRowBytes + BYTES, ORDER);
    c50.intoMemorySegment(out, outAt + 5 * outRowBytes, ORDER);
    c51.intoMemorySegment(out, outAt + 5 * outRowBytes + BYTES, ORDER);
    c60.intoMemorySegment(out, outAt + 6 * outRowBytes, ORDER);
    c61.intoMemorySegment(out, outAt + 6 * outRowBytes + BYTES, ORDER);
    c70.intoMemorySegment(out, outAt + 7 * outRowBytes, ORDER);
    c71.intoMemorySegment(out, outAt + 7 * outRowBytes + BYTES, ORDER);
  }

  /*
   * Whole vectors go through loops without masks: with them every access costs several times as
   * much. What is left of a row, if its width is no multiple of the lanes, takes one masked step.
   */

  @Override
  public void apply(Nonlinearity function, MemorySegment values, long at, int count) {
    int whole = FLOATS.loopBound(count);
    for (int i = 0; i < whole; i += LANES) {
      long place = at + (long) i * Float.BYTES;
      of(function, load(values, place)).intoMemorySegment(values, place, ORDER);
    }
    if (whole < count) {
      VectorMask<Float> mask = FLOATS.indexInRange(whole, count);
      long place = at + (long) whole * Float.BYTES;
      of(function, load(values, place, mask)).intoMemorySegment(values, place, ORDER, mask);
    }
  }

  @Override
  public void gate(
      Nonlinearity function,
      MemorySegment gate,
      long gateAt,
      MemorySegment values,
      long at,
      int count) {
    int whole = FLOATS.loopBound(count);
    for (int i = 0; i < whole; i += LANES) {
      long step = (long) i * Float.BYTES;
      of(function, load(gate, gateAt + step))
          .mul(load(values, at + step))
          .intoMemorySegment(values, at + step, ORDER);
    }
    if (whole < count) {
      VectorMask<Float> mask = FLOATS.indexInRange(whole, count);
      long step = (long) whole * Float.BYTES;
      of(function, load(gate, gateAt + step, mask))
          .mul(load(values, at + step, mask))
          .intoMemorySegment(values, at + step, ORDER, mask);
    }
  }

  @Override
  public void softmax(MemorySegment scores, long at, int count, float scale, float cap) {
    int whole = FLOATS.loopBound(count);
    VectorMask<Float> mask = FLOATS.indexInRange(whole, count);
    long end = at + (long) whole * Float.BYTES;
    FloatVector most = FloatVector.broadcast(FLOATS, Float.NEGATIVE_INFINITY);
    for (int i = 0; i < whole; i += LANES) {
      long place = at + (long) i * Float.BYTES;
      FloatVector score = scaled(load(scores, place), scale, cap);
      score.intoMemorySegment(scores, place, ORDER);
      most = most.max(score);
    }
    if (whole < count) {
      FloatVector score = scaled(load(scores, end, mask), scale, cap);
      score.intoMemorySegment(scores, end, ORDER, mask);
      most = most.max(FloatVector.broadcast(FLOATS, Float.NEGATIVE_INFINITY).blend(score, mask));
    }
    // The largest is the same in whatever order lanes are compared.
    float largest = most.reduceLanes(VectorOperators.MAX);
    FloatVector sums = FloatVector.zero(FLOATS);
    for (int i = 0; i < whole; i += LANES) {
      long place = at + (long) i * Float.BYTES;
      FloatVector weight = exp(load(scores, place).sub(largest));
      weight.intoMemorySegment(scores, place, ORDER);
      sums = sums.add(weight);
    }
    if (whole < count) {
      FloatVector weight = exp(load(scores, end, mask).sub(largest));
      weight.intoMemorySegment(scores, end, ORDER, mask);
      sums = sums.add(FloatVector.zero(FLOATS).blend(weight, mask));
    }
    float factor = 1 / total(sums);
    for (int i = 0; i < whole; i += LANES) {
      long place = at + (long) i * Float.BYTES;
      load(scores, place).mul(factor).intoMemorySegment(scores, place, ORDER);
    }
    if (whole < count) {
      load(scores, end, mask).mul(factor).intoMemorySegment(scores, end, ORDER, mask);
    }
  }

  private static FloatVector scaled(FloatVector score, float scale, float cap) {
    FloatVector scaled = score.mul(scale);
    return cap > 0 ? tanh(scaled.mul(1 / cap)).mul(cap) : scaled;
  }

  @Override
  public void layerNorm(
      MemorySegment x,
      long at,
      int width,
      float[] weight,
      float[] bias,
      float epsilon,
      MemorySegment out,
      long outAt) {
    int whole = FLOATS.loopBound(width);
    VectorMask<Float> mask = FLOATS.indexInRange(whole, width);
    long end = (long) whole * Float.BYTES;
    FloatVector sums = FloatVector.zero(FLOATS);
    for (int i = 0; i < whole; i += LANES) {
      sums = sums.add(load(x, at + (long) i * Float.BYTES));
    }
    if (whole < width) {
      sums = sums.add(load(x, at + end, mask));
    }
    float mean = total(sums) / width;
    FloatVector squares = FloatVector.zero(FLOATS);
    for (int i = 0; i < whole; i += LANES) {
      FloatVector difference = load(x, at + (long) i * Float.BYTES).sub(mean);
      squares = difference.fma(difference, squares);
    }
    if (whole < width) {
      FloatVector difference = load(x, at + end, mask).sub(mean);
      squares = squares.add(FloatVector.zero(FLOATS).blend(difference.mul(difference), mask));
    }
    float factor = (float) (1 / Math.sqrt(total(squares) / width + epsilon));
    for (int i = 0; i < whole; i += LANES) {
      long step = (long) i * Float.BYTES;
      load(x, at + step)
          .sub(mean)
          .mul(factor)
          .fma(FloatVector.fromArray(FLOATS, weight, i), FloatVector.fromArray(FLOATS, bias, i))
          .intoMemorySegment(out, outAt + step, ORDER);
    }
    if (whole < width) {
      load(x, at + end, mask)
          .sub(mean)
          .mul(factor)
          .fma(
              FloatVector.fromArray(FLOATS, weight, whole, mask),
              FloatVector.fromArray(FLOATS, bias, whole, mask))
          .intoMemorySegment(out, outAt + end, ORDER, mask);
    }
  }

  @Override
  public void rmsNorm(
      MemorySegment x,
      long at,
      int width,
      float[] weight,
      float epsilon,
      MemorySegment out,
      long outAt) {
    int whole = FLOATS.loopBound(width);
    VectorMask<Float> mask = FLOATS.indexInRange(whole, width);
    long end = (long) whole * Float.BYTES;
    FloatVector squares = FloatVector.zero(FLOATS);
    for (int i = 0; i < whole; i += LANES) {
      FloatVector value = load(x, at + (long) i * Float.BYTES);
      squares = value.fma(value, squares);
    }
    if (whole < width) {
      FloatVector value = load(x, at + end, mask);
      squares = value.fma(value, squares);
    }
    float factor = (float) (1 / Math.sqrt(total(squares) / width + epsilon));
    for (int i = 0; i < whole; i += LANES) {
      long step = (long) i * Float.BYTES;
      load(x, at + step)
          .mul(factor)
          .mul(FloatVector.fromArray(FLOATS, weight, i))
          .intoMemorySegment(out, outAt + step, ORDER);
    }
    if (whole < width) {
      load(x, at + end, mask)
          .mul(factor)
          .mul(FloatVector.fromArray(FLOATS, weight, whole, mask))
          .intoMemorySegment(out, outAt + end, ORDER, mask);
    }
  }

  @Override
  public void add(
      MemorySegment a,
      long aAt,
      MemorySegment b,
      long bAt,
      MemorySegment out,
      long outAt,
      int count) {
    int whole = FLOATS.loopBound(count);
    for (int i = 0; i < whole; i += LANES) {
      long step = (long) i * Float.BYTES;
      load(a, aAt + step).add(load(b, bAt + step)).intoMemorySegment(out, outAt + step, ORDER);
    }
    if (whole < count) {
      VectorMask<Float> mask = FLOATS.indexInRange(whole, count);
      long step = (long) whole * Float.BYTES;
      load(a, aAt + step, mask)
          .add(load(b, bAt + step, mask))
          .intoMemorySegment(out, outAt + step, ORDER, mask);
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

  private static FloatVector load(MemorySegment memory, long at) {
    return FloatVector.fromMemorySegment(FLOATS, memory, at, ORDER);
  }

  private static FloatVector load(MemorySegment memory, long at, VectorMask<Float> mask) {
    return FloatVector.fromMemorySegment(FLOATS, memory, at, ORDER, mask);
  }
}
