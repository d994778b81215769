package io.sluice.simd.layers;

import io.sluice.memory.NativeMemory;
import io.sluice.simd.KernelProvider;
import io.sluice.simd.VectorWidth;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/** {@link LayerKernels} for one vector width; defined once per width by {@link KernelProvider}. */
final class VectorLayerKernels implements LayerKernels {
  private static final VectorSpecies<Float> FLOATS = VectorWidth.speciesOf(MethodHandles.lookup());
  private static final VectorSpecies<Integer> INTS =
      VectorSpecies.of(int.class, FLOATS.vectorShape());

  /** As many lanes, in vectors of half the size. */
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));

  private static final MemorySegment ALL = NativeMemory.ALL;
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final VarHandle VALUE = FLOAT.varHandle();
  private static final int LANES = FLOATS.length();
  private static final int BYTES = LANES * Float.BYTES;
  private static final int WIDTH = 2 * LANES;
  private static final int WIDTH_BYTES = 2 * BYTES;

  /** With vectors of 512 bits there are 32 registers, else 16. */
  private static final int TILE_ROWS = LANES < 16 ? 4 : 6;

  /** {@link #WIDTH_BYTES}, of which the compiler does not know that it never changes. */
  private static long variableWidthBytes = WIDTH_BYTES;

  private static final VectorShuffle<Float> EIGHT_ON = laneFurtherOn(8);
  private static final VectorShuffle<Float> FOUR_ON = laneFurtherOn(4);
  private static final VectorShuffle<Float> TWO_ON = laneFurtherOn(2);

  /** {@code 1.5·2²³}: adding it rounds to a whole number, which the low bits then hold. */
  private static final float ROUNDING = 12582912f;

  private static final float LOWEST = ScalarLayerKernels.LOWEST;
  private static final float HIGHEST = ScalarLayerKernels.HIGHEST;

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
      tile(arena.allocate(tileBytes()).address(), memory, 1, memory, memory, WIDTH_BYTES);
      addTile(memory, memory, WIDTH_BYTES);
      long scratch = memory + WIDTH_BYTES;
      for (Nonlinearity function : Nonlinearity.values()) {
        apply(function, memory, 0, 1, count, scratch);
      }
      multiply(memory, 0, scratch, 1, count);
      limit(memory, count, 1, 1);
      softmax(memory, count, 1);
      layerNorm(memory, count, ones, ones, 1, memory);
      rmsNorm(memory, count, ones, 1, memory);
      add(memory, memory, memory, count);
      rotate(memory, count, ones, ones, 0);
      split(memory, count, scratch, scratch);
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

  @Override
  public int tileRows() {
    return TILE_ROWS;
  }

  @Override
  public void tile(long rows, long panel, int depth, long start, long out, long outRowBytes) {
    if (TILE_ROWS == 6) {
      sixRows(rows, panel, depth, start, out, outRowBytes);
    } else {
      fourRows(rows, panel, depth, start, out, outRowBytes);
    }
  }

  /*
   * Twelve accumulators, fed by two loads and six broadcasts a step. All addresses of a step are
   * constants from two registers: were the distance of the rows a variable, every broadcast would
   * fetch the place of its row from the stack first, and units that should multiply would wait for
   * their instructions.
   *
   * Sixteen accumulators would do no more, and must not be: all that is inlined here, method by
   * method, has to stay below the 18,000 nodes at which C2 puts off inlining
   * (NodeCountInliningCutoff, no option changes it). What it inlines later it may not know the
   * classes of, depending on what ran before in the process, and then it makes objects of the
   * accumulators: five times as slow. This is at 16,500 of them, lanewise takes fewer than fma.
   * Native memory starts at a cache line, so that no load of the panel crosses one.
   */
  private static void sixRows(
      long rows, long panel, int depth, long start, long out, long outRowBytes) {
    FloatVector s0 = FloatVector.fromMemorySegment(FLOATS, ALL, start, ORDER);
    FloatVector s1 = FloatVector.fromMemorySegment(FLOATS, ALL, start + BYTES, ORDER);
    FloatVector c00 = s0;
    FloatVector c01 = s1;
    FloatVector c10 = s0;
    FloatVector c11 = s1;
    FloatVector c20 = s0;
    FloatVector c21 = s1;
    FloatVector c30 = s0;
    FloatVector c31 = s1;
    FloatVector c40 = s0;
    FloatVector c41 = s1;
    FloatVector c50 = s0;
    FloatVector c51 = s1;
    for (int t = 0; t < depth; t++) {
      long place = panel + (long) t * WIDTH_BYTES;
      long step = rows + (long) t * Float.BYTES;
      FloatVector b0 = FloatVector.fromMemorySegment(FLOATS, ALL, place, ORDER);
      FloatVector b1 = FloatVector.fromMemorySegment(FLOATS, ALL, place + BYTES, ORDER);
      FloatVector x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, step));
      c00 = x.lanewise(VectorOperators.FMA, b0, c00);
      c01 = x.lanewise(VectorOperators.FMA, b1, c01);
      x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, step + PITCH_BYTES));
      c10 = x.lanewise(VectorOperators.FMA, b0, c10);
      c11 = x.lanewise(VectorOperators.FMA, b1, c11);
      x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, step + 2 * PITCH_BYTES));
      c20 = x.lanewise(VectorOperators.FMA, b0, c20);
      c21 = x.lanewise(VectorOperators.FMA, b1, c21);
      x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, step + 3 * PITCH_BYTES));
      c30 = x.lanewise(VectorOperators.FMA, b0, c30);
      c31 = x.lanewise(VectorOperators.FMA, b1, c31);
      x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, step + 4 * PITCH_BYTES));
      c40 = x.lanewise(VectorOperators.FMA, b0, c40);
      c41 = x.lanewise(VectorOperators.FMA, b1, c41);
      x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, step + 5 * PITCH_BYTES));
      c50 = x.lanewise(VectorOperators.FMA, b0, c50);
      c51 = x.lanewise(VectorOperators.FMA, b1, c51);
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
  }

  /*
   * Eight accumulators, as many as two units need that take four cycles for each multiplication. More
   * would fit into sixteen registers, but not the way C2 fills them: it loads all that a step needs
   * first, and what does not fit then goes through memory. For the same reason steps must not be
   * unrolled, and they are not if the panel's place is a product with a variable.
   */
  private static void fourRows(
      long rows, long panel, int depth, long start, long out, long outRowBytes) {
    FloatVector s0 = FloatVector.fromMemorySegment(FLOATS, ALL, start, ORDER);
    FloatVector s1 = FloatVector.fromMemorySegment(FLOATS, ALL, start + BYTES, ORDER);
    FloatVector sum00 = s0;
    FloatVector sum01 = s1;
    FloatVector sum10 = s0;
    FloatVector sum11 = s1;
    FloatVector sum20 = s0;
    FloatVector sum21 = s1;
    FloatVector sum30 = s0;
    FloatVector sum31 = s1;
    long panelStep = variableWidthBytes;
    for (int t = 0; t < depth; t++) {
      long place = panel + t * panelStep;
      long step = rows + (long) t * Float.BYTES;
      FloatVector b0 = FloatVector.fromMemorySegment(FLOATS, ALL, place, ORDER);
      FloatVector b1 = FloatVector.fromMemorySegment(FLOATS, ALL, place + BYTES, ORDER);
      FloatVector x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, step));
      sum00 = x.lanewise(VectorOperators.FMA, b0, sum00);
      sum01 = x.lanewise(VectorOperators.FMA, b1, sum01);
      x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, step + PITCH_BYTES));
      sum10 = x.lanewise(VectorOperators.FMA, b0, sum10);
      sum11 = x.lanewise(VectorOperators.FMA, b1, sum11);
      x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, step + 2 * PITCH_BYTES));
      sum20 = x.lanewise(VectorOperators.FMA, b0, sum20);
      sum21 = x.lanewise(VectorOperators.FMA, b1, sum21);
      x = FloatVector.broadcast(FLOATS, (float) VALUE.get(ALL, step + 3 * PITCH_BYTES));
      sum30 = x.lanewise(VectorOperators.FMA, b0, sum30);
      sum31 = x.lanewise(VectorOperators.FMA, b1, sum31);
    }
    sum00.intoMemorySegment(ALL, out, ORDER);
    sum01.intoMemorySegment(ALL, out + BYTES, ORDER);
    sum10.intoMemorySegment(ALL, out + 1 * outRowBytes, ORDER);
    sum11.intoMemorySegment(ALL, out + 1 * outRowBytes + BYTES, ORDER);
    sum20.intoMemorySegment(ALL, out + 2 * outRowBytes, ORDER);
    sum21.intoMemorySegment(ALL, out + 2 * outRowBytes + BYTES, ORDER);
    sum30.intoMemorySegment(ALL, out + 3 * outRowBytes, ORDER);
    sum31.intoMemorySegment(ALL, out + 3 * outRowBytes + BYTES, ORDER);
  }

  @Override
  public void addTile(long part, long out, long outRowBytes) {
    for (int i = 0; i < TILE_ROWS; i++) {
      long from = part + (long) i * WIDTH_BYTES;
      long to = out + i * outRowBytes;
      FloatVector.fromMemorySegment(FLOATS, ALL, to, ORDER)
          .add(FloatVector.fromMemorySegment(FLOATS, ALL, from, ORDER))
          .intoMemorySegment(ALL, to, ORDER);
      FloatVector.fromMemorySegment(FLOATS, ALL, to + BYTES, ORDER)
          .add(FloatVector.fromMemorySegment(FLOATS, ALL, from + BYTES, ORDER))
          .intoMemorySegment(ALL, to + BYTES, ORDER);
    }
  }

  /*
   * Whole vectors go through loops without masks: with them every access costs several times as
   * much. What is left of a row, if its width is no multiple of the lanes, takes one masked step,
   * or goes value by value.
   *
   * No method here hands a vector to another (total takes one, once a row), not even to load it: a
   * method that was compiled by itself, into a lot of code, is not compiled again into its caller,
   * and then its vectors are objects, in a tile a load at each step. So functions are made of a few
   * loops over a tile in the nearest cache, and exp has one of its own.
   */

  @Override
  public void apply(
      Nonlinearity function, long values, long rowBytes, int rows, int count, long scratch) {
    int whole = FLOATS.loopBound(count);
    for (int row = 0; row < rows; row++) {
      for (int i = whole; i < count; i++) {
        long place = values + row * rowBytes + (long) i * Float.BYTES;
        ALL.set(FLOAT, place, (float) function.of(ALL.get(FLOAT, place)));
      }
    }
    switch (function) {
      case GELU -> {
        geluExponents(values, rowBytes, rows, whole, scratch);
        exponentials(scratch, rows * whole, 0, -0.5f);
        gelu(values, rowBytes, rows, whole, scratch);
      }
      case GELU_TANH -> {
        geluTanhExponents(values, rowBytes, rows, whole, scratch);
        exponentials(scratch, rows * whole, 0, -2 * SQRT_TWO_OVER_PI);
        sigmoid(values, rowBytes, rows, whole, scratch);
      }
      case RELU -> relu(values, rowBytes, rows, whole);
      case SILU -> {
        copy(values, rowBytes, rows, whole, scratch);
        exponentials(scratch, rows * whole, 0, -1);
        sigmoid(values, rowBytes, rows, whole, scratch);
      }
    }
  }

  private static void relu(long values, long rowBytes, int rows, int whole) {
    for (int row = 0; row < rows; row++) {
      long at = values + row * rowBytes;
      for (int i = 0; i < whole; i += LANES) {
        long place = at + (long) i * Float.BYTES;
        FloatVector.fromMemorySegment(FLOATS, ALL, place, ORDER)
            .max(0)
            .intoMemorySegment(ALL, place, ORDER);
      }
    }
  }

  private static void copy(long values, long rowBytes, int rows, int whole, long out) {
    long to = out;
    for (int row = 0; row < rows; row++) {
      long at = values + row * rowBytes;
      for (int i = 0; i < whole; i += LANES, to += BYTES) {
        FloatVector.fromMemorySegment(FLOATS, ALL, at + (long) i * Float.BYTES, ORDER)
            .intoMemorySegment(ALL, to, ORDER);
      }
    }
  }

  /** {@code x²}. */
  private static void geluExponents(long values, long rowBytes, int rows, int whole, long out) {
    long to = out;
    for (int row = 0; row < rows; row++) {
      long at = values + row * rowBytes;
      for (int i = 0; i < whole; i += LANES, to += BYTES) {
        FloatVector x =
            FloatVector.fromMemorySegment(FLOATS, ALL, at + (long) i * Float.BYTES, ORDER);
        x.mul(x).intoMemorySegment(ALL, to, ORDER);
      }
    }
  }

  /** {@code x + 0.044715·x³}; (1 + tanh(y)) / 2 is the sigmoid of 2y. */
  private static void geluTanhExponents(long values, long rowBytes, int rows, int whole, long out) {
    long to = out;
    for (int row = 0; row < rows; row++) {
      long at = values + row * rowBytes;
      for (int i = 0; i < whole; i += LANES, to += BYTES) {
        FloatVector x =
            FloatVector.fromMemorySegment(FLOATS, ALL, at + (long) i * Float.BYTES, ORDER);
        x.mul(x).mul(0.044715f).add(1).mul(x).intoMemorySegment(ALL, to, ORDER);
      }
    }
  }

  /** {@code x / (1 + e)}. */
  private static void sigmoid(long values, long rowBytes, int rows, int whole, long exponentials) {
    long from = exponentials;
    for (int row = 0; row < rows; row++) {
      long at = values + row * rowBytes;
      for (int i = 0; i < whole; i += LANES, from += BYTES) {
        long place = at + (long) i * Float.BYTES;
        FloatVector.fromMemorySegment(FLOATS, ALL, place, ORDER)
            .div(FloatVector.fromMemorySegment(FLOATS, ALL, from, ORDER).add(1))
            .intoMemorySegment(ALL, place, ORDER);
      }
    }
  }

  /*
   * x·Φ(x), which is max(x, 0) − |x|·Φ(−|x|). The complement of the error function is exp(−z²)
   * times a polynomial in 1/(1 + 0.39·z), z = |x|/√2, of the form of Abramowitz and Stegun 7.1.26,
   * fitted to 8.3e-9.
   */
  private static void gelu(long values, long rowBytes, int rows, int whole, long exponentials) {
    long from = exponentials;
    for (int row = 0; row < rows; row++) {
      long at = values + row * rowBytes;
      for (int i = 0; i < whole; i += LANES, from += BYTES) {
        long place = at + (long) i * Float.BYTES;
        FloatVector x = FloatVector.fromMemorySegment(FLOATS, ALL, place, ORDER);
        FloatVector size = x.abs();
        FloatVector t = FloatVector.broadcast(FLOATS, 1).div(size.mul(0.39f * SQRT_HALF).add(1));
        FloatVector series =
            FloatVector.broadcast(FLOATS, -0.22753817f)
                .fma(t, FloatVector.broadcast(FLOATS, 0.8866686f))
                .fma(t, FloatVector.broadcast(FLOATS, -0.6354072f))
                .fma(t, FloatVector.broadcast(FLOATS, 0.649565f))
                .fma(t, FloatVector.broadcast(FLOATS, 0.09138618f))
                .fma(t, FloatVector.broadcast(FLOATS, 0.23532557f))
                .mul(t);
        FloatVector tail =
            series.mul(FloatVector.fromMemorySegment(FLOATS, ALL, from, ORDER)).mul(0.5f);
        x.max(0).sub(size.mul(tail)).intoMemorySegment(ALL, place, ORDER);
      }
    }
  }

  @Override
  public void multiply(long values, long rowBytes, long factors, int rows, int count) {
    int whole = FLOATS.loopBound(count);
    for (int row = 0; row < rows; row++) {
      long at = values + row * rowBytes;
      long by = factors + (long) row * count * Float.BYTES;
      for (int i = 0; i < whole; i += LANES) {
        long step = (long) i * Float.BYTES;
        FloatVector.fromMemorySegment(FLOATS, ALL, at + step, ORDER)
            .mul(FloatVector.fromMemorySegment(FLOATS, ALL, by + step, ORDER))
            .intoMemorySegment(ALL, at + step, ORDER);
      }
      for (int i = whole; i < count; i++) {
        long step = (long) i * Float.BYTES;
        ALL.set(FLOAT, at + step, ALL.get(FLOAT, at + step) * ALL.get(FLOAT, by + step));
      }
    }
  }

  /* tanh(y) = 1 − 2 / (exp(2y) + 1). */
  @Override
  public void limit(long scores, int count, float scale, float cap) {
    exponentials(scores, count, 0, 2 * scale / cap);
    int whole = FLOATS.loopBound(count);
    for (int i = 0; i < whole; i += LANES) {
      long place = scores + (long) i * Float.BYTES;
      FloatVector share =
          FloatVector.broadcast(FLOATS, 2)
              .div(FloatVector.fromMemorySegment(FLOATS, ALL, place, ORDER).add(1));
      FloatVector.broadcast(FLOATS, 1).sub(share).mul(cap).intoMemorySegment(ALL, place, ORDER);
    }
    for (int i = whole; i < count; i++) {
      long place = scores + (long) i * Float.BYTES;
      ALL.set(FLOAT, place, (1 - 2 / (ALL.get(FLOAT, place) + 1)) * cap);
    }
  }

  /* Two maxima, because each waits for the one before it. */
  @Override
  public float largest(long scores, int count) {
    int pairs = count / WIDTH * WIDTH;
    FloatVector most = FloatVector.broadcast(FLOATS, Float.NEGATIVE_INFINITY);
    FloatVector second = FloatVector.broadcast(FLOATS, Float.NEGATIVE_INFINITY);
    for (int i = 0; i < pairs; i += WIDTH) {
      long place = scores + (long) i * Float.BYTES;
      most = most.max(FloatVector.fromMemorySegment(FLOATS, ALL, place, ORDER));
      second = second.max(FloatVector.fromMemorySegment(FLOATS, ALL, place + BYTES, ORDER));
    }
    // The largest is the same in whatever order lanes are compared.
    float largest = most.max(second).reduceLanes(VectorOperators.MAX);
    for (int i = pairs; i < count; i++) {
      largest = Math.max(largest, ALL.get(FLOAT, scores + (long) i * Float.BYTES));
    }
    return largest;
  }

  /*
   * exp(x) = 2ⁿ·exp(r), |r| ≤ ln 2 / 2, with a polynomial fitted to 5.3e-9. Clamped where float32
   * ends; NaN stays NaN.
   */
  @Override
  public float exponentials(long scores, int count, float shift, float scale) {
    int whole = FLOATS.loopBound(count);
    FloatVector sums = FloatVector.zero(FLOATS);
    for (int i = 0; i < whole; i += LANES) {
      long place = scores + (long) i * Float.BYTES;
      FloatVector x =
          FloatVector.fromMemorySegment(FLOATS, ALL, place, ORDER)
              .sub(shift)
              .mul(scale)
              .max(LOWEST)
              .min(HIGHEST);
      FloatVector shifted =
          x.fma(FloatVector.broadcast(FLOATS, LOG2_E), FloatVector.broadcast(FLOATS, ROUNDING));
      FloatVector n = shifted.sub(ROUNDING);
      FloatVector r =
          n.fma(
              FloatVector.broadcast(FLOATS, -LN2_LOW),
              n.fma(FloatVector.broadcast(FLOATS, -LN2_HIGH), x));
      FloatVector series =
          FloatVector.broadcast(FLOATS, 1.395054e-3f)
              .fma(r, FloatVector.broadcast(FLOATS, 8.368918e-3f))
              .fma(r, FloatVector.broadcast(FLOATS, 4.1666206e-2f))
              .fma(r, FloatVector.broadcast(FLOATS, 0.16666518f))
              .fma(r, FloatVector.broadcast(FLOATS, 0.5f))
              .fma(r.mul(r), r)
              .add(1);
      FloatVector value =
          series
              .reinterpretAsInts()
              .add(shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23))
              .reinterpretAsFloats();
      value.intoMemorySegment(ALL, place, ORDER);
      sums = sums.add(value);
    }
    float sum = total(sums);
    for (int i = whole; i < count; i++) {
      long place = scores + (long) i * Float.BYTES;
      float x = (ALL.get(FLOAT, place) - shift) * scale;
      float value = (float) Math.exp(Math.min(Math.max(x, LOWEST), HIGHEST));
      ALL.set(FLOAT, place, value);
      sum += value;
    }
    return sum;
  }

  @Override
  public void scale(long values, int count, float factor) {
    int whole = FLOATS.loopBound(count);
    for (int i = 0; i < whole; i += LANES) {
      long place = values + (long) i * Float.BYTES;
      FloatVector.fromMemorySegment(FLOATS, ALL, place, ORDER)
          .mul(factor)
          .intoMemorySegment(ALL, place, ORDER);
    }
    for (int i = whole; i < count; i++) {
      long place = values + (long) i * Float.BYTES;
      ALL.set(FLOAT, place, ALL.get(FLOAT, place) * factor);
    }
  }

  @Override
  public void layerNorm(long x, int width, float[] weight, float[] bias, float epsilon, long out) {
    int whole = FLOATS.loopBound(width);
    VectorMask<Float> mask = FLOATS.indexInRange(whole, width);
    long end = (long) whole * Float.BYTES;
    FloatVector sums = FloatVector.zero(FLOATS);
    for (int i = 0; i < whole; i += LANES) {
      sums =
          sums.add(FloatVector.fromMemorySegment(FLOATS, ALL, x + (long) i * Float.BYTES, ORDER));
    }
    if (whole < width) {
      sums = sums.add(FloatVector.fromMemorySegment(FLOATS, ALL, x + end, ORDER, mask));
    }
    float mean = total(sums) / width;
    FloatVector squares = FloatVector.zero(FLOATS);
    for (int i = 0; i < whole; i += LANES) {
      FloatVector difference =
          FloatVector.fromMemorySegment(FLOATS, ALL, x + (long) i * Float.BYTES, ORDER).sub(mean);
      squares = difference.fma(difference, squares);
    }
    if (whole < width) {
      FloatVector difference =
          FloatVector.fromMemorySegment(FLOATS, ALL, x + end, ORDER, mask).sub(mean);
      squares = squares.add(FloatVector.zero(FLOATS).blend(difference.mul(difference), mask));
    }
    float factor = (float) (1 / Math.sqrt(total(squares) / width + epsilon));
    for (int i = 0; i < whole; i += LANES) {
      long step = (long) i * Float.BYTES;
      FloatVector.fromMemorySegment(FLOATS, ALL, x + step, ORDER)
          .sub(mean)
          .mul(factor)
          .fma(FloatVector.fromArray(FLOATS, weight, i), FloatVector.fromArray(FLOATS, bias, i))
          .intoMemorySegment(ALL, out + step, ORDER);
    }
    if (whole < width) {
      FloatVector.fromMemorySegment(FLOATS, ALL, x + end, ORDER, mask)
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
      FloatVector value =
          FloatVector.fromMemorySegment(FLOATS, ALL, x + (long) i * Float.BYTES, ORDER);
      squares = value.fma(value, squares);
    }
    if (whole < width) {
      FloatVector value = FloatVector.fromMemorySegment(FLOATS, ALL, x + end, ORDER, mask);
      squares = value.fma(value, squares);
    }
    float factor = (float) (1 / Math.sqrt(total(squares) / width + epsilon));
    for (int i = 0; i < whole; i += LANES) {
      long step = (long) i * Float.BYTES;
      FloatVector.fromMemorySegment(FLOATS, ALL, x + step, ORDER)
          .mul(factor)
          .mul(FloatVector.fromArray(FLOATS, weight, i))
          .intoMemorySegment(ALL, out + step, ORDER);
    }
    if (whole < width) {
      FloatVector.fromMemorySegment(FLOATS, ALL, x + end, ORDER, mask)
          .mul(factor)
          .mul(FloatVector.fromArray(FLOATS, weight, whole, mask))
          .intoMemorySegment(ALL, out + end, ORDER, mask);
    }
  }

  @Override
  public void rotate(long head, int pairs, float[] cosines, float[] sines, int at) {
    long other = head + (long) pairs * Float.BYTES;
    int whole = FLOATS.loopBound(pairs);
    for (int i = 0; i < whole; i += LANES) {
      long step = (long) i * Float.BYTES;
      FloatVector first = FloatVector.fromMemorySegment(FLOATS, ALL, head + step, ORDER);
      FloatVector second = FloatVector.fromMemorySegment(FLOATS, ALL, other + step, ORDER);
      FloatVector cosine = FloatVector.fromArray(FLOATS, cosines, at + i);
      FloatVector sine = FloatVector.fromArray(FLOATS, sines, at + i);
      first.mul(cosine).sub(second.mul(sine)).intoMemorySegment(ALL, head + step, ORDER);
      second.mul(cosine).add(first.mul(sine)).intoMemorySegment(ALL, other + step, ORDER);
    }
    for (int i = whole; i < pairs; i++) {
      long step = (long) i * Float.BYTES;
      float first = ALL.get(FLOAT, head + step);
      float second = ALL.get(FLOAT, other + step);
      float cosine = cosines[at + i];
      float sine = sines[at + i];
      ALL.set(FLOAT, head + step, first * cosine - second * sine);
      ALL.set(FLOAT, other + step, second * cosine + first * sine);
    }
  }

  @Override
  public void add(long a, long b, long out, int count) {
    int whole = FLOATS.loopBound(count);
    for (int i = 0; i < whole; i += LANES) {
      long step = (long) i * Float.BYTES;
      FloatVector.fromMemorySegment(FLOATS, ALL, a + step, ORDER)
          .add(FloatVector.fromMemorySegment(FLOATS, ALL, b + step, ORDER))
          .intoMemorySegment(ALL, out + step, ORDER);
    }
    if (whole < count) {
      VectorMask<Float> mask = FLOATS.indexInRange(whole, count);
      long step = (long) whole * Float.BYTES;
      FloatVector.fromMemorySegment(FLOATS, ALL, a + step, ORDER, mask)
          .add(FloatVector.fromMemorySegment(FLOATS, ALL, b + step, ORDER, mask))
          .intoMemorySegment(ALL, out + step, ORDER, mask);
    }
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

  @Override
  public void split(long values, int count, long high, long low) {
    int whole = FLOATS.loopBound(count);
    for (int i = 0; i < whole; i += LANES) {
      FloatVector value =
          FloatVector.fromMemorySegment(FLOATS, ALL, values + (long) i * Float.BYTES, ORDER);
      IntVector bits = value.reinterpretAsInts();
      IntVector nearest =
          bits.add(0x7fff)
              .add(bits.lanewise(VectorOperators.LSHR, 16).and(1))
              .and(0xffff0000)
              .blend(ScalarLayerKernels.NAN, value.compare(VectorOperators.NE, value).cast(INTS));
      FloatVector rest = value.sub(nearest.reinterpretAsFloats());
      IntVector restBits = rest.reinterpretAsInts();
      IntVector nearestRest =
          restBits
              .add(0x7fff)
              .add(restBits.lanewise(VectorOperators.LSHR, 16).and(1))
              .and(0xffff0000)
              .blend(ScalarLayerKernels.NAN, rest.compare(VectorOperators.NE, rest).cast(INTS));
      ((ShortVector)
              nearest
                  .lanewise(VectorOperators.LSHR, 16)
                  .convertShape(VectorOperators.I2S, SHORTS, 0))
          .intoMemorySegment(ALL, high + (long) i * Short.BYTES, ORDER);
      ((ShortVector)
              nearestRest
                  .lanewise(VectorOperators.LSHR, 16)
                  .convertShape(VectorOperators.I2S, SHORTS, 0))
          .intoMemorySegment(ALL, low + (long) i * Short.BYTES, ORDER);
    }
    for (int i = whole; i < count; i++) {
      ScalarLayerKernels.splitOne(values, i, high, low);
    }
  }
}
