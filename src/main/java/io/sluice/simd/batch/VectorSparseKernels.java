package io.sluice.simd.batch;

import io.sluice.simd.KernelProvider;
import io.sluice.simd.Panels;
import io.sluice.simd.VectorWidth;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/** {@link SparseKernels} for one vector width; defined once per width by {@link KernelProvider}. */
final class VectorSparseKernels implements SparseKernels {
  private static final VectorSpecies<Float> FLOATS = VectorWidth.speciesOf(MethodHandles.lookup());
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final int LANES = FLOATS.length();
  private static final int BYTES = LANES * Float.BYTES;
  private static final int WIDTH = 2 * LANES;
  private static final int WIDTH_BYTES = 2 * BYTES;
  private static final int BLOCK = 4 * LANES;

  /** Whether vectors have sixteen registers: x86 has 32 only with AVX-512, ARM always. */
  private static final boolean SIXTEEN_REGISTERS =
      VectorWidth.preferredBits() < 512 && !System.getProperty("os.arch").equals("aarch64");

  /** {@link #WIDTH_BYTES}, of which the compiler does not know that it never changes. */
  private static long variableWidthBytes = WIDTH_BYTES;

  private static final VectorShuffle<Float> EIGHT_ON = laneFurtherOn(8);
  private static final VectorShuffle<Float> FOUR_ON = laneFurtherOn(4);
  private static final VectorShuffle<Float> TWO_ON = laneFurtherOn(2);

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
  public void packTokens(
      float[] rows, int firstRow, int count, int width, MemorySegment panel, long offset) {
    // A strip of columns at a time: its part of the panel stays in the first-level cache while
    // the tokens are scattered into it.
    int strip = 64;
    for (int start = 0; start < width; start += strip) {
      int end = Math.min(width, start + strip);
      for (int j = 0; j < WIDTH; j++) {
        int from = (firstRow + j) * width;
        if (firstRow + j < count) {
          for (int t = start; t < end; t++) {
            Panels.set(panel, offset + t * WIDTH + j, rows[from + t]);
          }
        } else {
          for (int t = start; t < end; t++) {
            Panels.set(panel, offset + t * WIDTH + j, 0);
          }
        }
      }
    }
  }

  /*
   * Lanes are tokens and weights are broadcast: the thresholds of a panel are then two vectors, and
   * a tile in which nothing can matter costs its products and a few comparisons, and no store.
   */
  @Override
  public boolean encodeTile(
      float[] weights,
      float[] bias,
      float[] factors,
      MemorySegment panel,
      long offset,
      int width,
      float[] thresholds,
      int at,
      float[] out) {
    if (SIXTEEN_REGISTERS) {
      return encodeHalves(weights, bias, factors, panel, offset, width, thresholds, at, out);
    }
    long start = offset * Float.BYTES;
    FloatVector c00 = FloatVector.broadcast(FLOATS, bias[0]);
    FloatVector c01 = c00;
    FloatVector c10 = FloatVector.broadcast(FLOATS, bias[1]);
    FloatVector c11 = c10;
    FloatVector c20 = FloatVector.broadcast(FLOATS, bias[2]);
    FloatVector c21 = c20;
    FloatVector c30 = FloatVector.broadcast(FLOATS, bias[3]);
    FloatVector c31 = c30;
    FloatVector c40 = FloatVector.broadcast(FLOATS, bias[4]);
    FloatVector c41 = c40;
    FloatVector c50 = FloatVector.broadcast(FLOATS, bias[5]);
    FloatVector c51 = c50;
    FloatVector c60 = FloatVector.broadcast(FLOATS, bias[6]);
    FloatVector c61 = c60;
    FloatVector c70 = FloatVector.broadcast(FLOATS, bias[7]);
    FloatVector c71 = c70;
    int row1 = width;
    int row2 = 2 * width;
    int row3 = 3 * width;
    int row4 = 4 * width;
    int row5 = 5 * width;
    int row6 = 6 * width;
    int row7 = 7 * width;
    for (int t = 0; t < width; t++) {
      long place = start + (long) t * WIDTH_BYTES;
      FloatVector x0 = load(panel, place);
      FloatVector x1 = load(panel, place + BYTES);
      FloatVector w = FloatVector.broadcast(FLOATS, weights[t]);
      c00 = w.fma(x0, c00);
      c01 = w.fma(x1, c01);
      w = FloatVector.broadcast(FLOATS, weights[row1 + t]);
      c10 = w.fma(x0, c10);
      c11 = w.fma(x1, c11);
      w = FloatVector.broadcast(FLOATS, weights[row2 + t]);
      c20 = w.fma(x0, c20);
      c21 = w.fma(x1, c21);
      w = FloatVector.broadcast(FLOATS, weights[row3 + t]);
      c30 = w.fma(x0, c30);
      c31 = w.fma(x1, c31);
      w = FloatVector.broadcast(FLOATS, weights[row4 + t]);
      c40 = w.fma(x0, c40);
      c41 = w.fma(x1, c41);
      w = FloatVector.broadcast(FLOATS, weights[row5 + t]);
      c50 = w.fma(x0, c50);
      c51 = w.fma(x1, c51);
      w = FloatVector.broadcast(FLOATS, weights[row6 + t]);
      c60 = w.fma(x0, c60);
      c61 = w.fma(x1, c61);
      w = FloatVector.broadcast(FLOATS, weights[row7 + t]);
      c70 = w.fma(x0, c70);
      c71 = w.fma(x1, c71);
    }
    FloatVector best0 = c00.mul(factors[0]);
    FloatVector best1 = c01.mul(factors[0]);
    best0 = best0.max(c10.mul(factors[1]));
    best1 = best1.max(c11.mul(factors[1]));
    best0 = best0.max(c20.mul(factors[2]));
    best1 = best1.max(c21.mul(factors[2]));
    best0 = best0.max(c30.mul(factors[3]));
    best1 = best1.max(c31.mul(factors[3]));
    best0 = best0.max(c40.mul(factors[4]));
    best1 = best1.max(c41.mul(factors[4]));
    best0 = best0.max(c50.mul(factors[5]));
    best1 = best1.max(c51.mul(factors[5]));
    best0 = best0.max(c60.mul(factors[6]));
    best1 = best1.max(c61.mul(factors[6]));
    best0 = best0.max(c70.mul(factors[7]));
    best1 = best1.max(c71.mul(factors[7]));
    FloatVector threshold0 = FloatVector.fromArray(FLOATS, thresholds, at);
    FloatVector threshold1 = FloatVector.fromArray(FLOATS, thresholds, at + LANES);
    if (!best0.compare(VectorOperators.GT, threshold0).anyTrue()
        && !best1.compare(VectorOperators.GT, threshold1).anyTrue()) {
      return false;
    }
    c00.intoArray(out, 0);
    c01.intoArray(out, LANES);
    c10.intoArray(out, WIDTH);
    c11.intoArray(out, WIDTH + LANES);
    c20.intoArray(out, 2 * WIDTH);
    c21.intoArray(out, 2 * WIDTH + LANES);
    c30.intoArray(out, 3 * WIDTH);
    c31.intoArray(out, 3 * WIDTH + LANES);
    c40.intoArray(out, 4 * WIDTH);
    c41.intoArray(out, 4 * WIDTH + LANES);
    c50.intoArray(out, 5 * WIDTH);
    c51.intoArray(out, 5 * WIDTH + LANES);
    c60.intoArray(out, 6 * WIDTH);
    c61.intoArray(out, 6 * WIDTH + LANES);
    c70.intoArray(out, 7 * WIDTH);
    c71.intoArray(out, 7 * WIDTH + LANES);
    return true;
  }

  /**
   * {@link #encodeTile} for processors of sixteen registers, the same bits: four rows, then the
   * other four, while the panel is in the first-level cache.
   */
  static boolean encodeHalves(
      float[] weights,
      float[] bias,
      float[] factors,
      MemorySegment panel,
      long offset,
      int width,
      float[] thresholds,
      int at,
      float[] out) {
    fourRows(weights, 0, bias, 0, panel, offset, width, out, 0);
    fourRows(weights, 4 * width, bias, 4, panel, offset, width, out, 4 * WIDTH);
    return anyAbove(out, factors, thresholds, at);
  }

  /*
   * Eight accumulators, as many as two units need that take four cycles for each multiplication. C2
   * loads all that a step needs before it multiplies, so more of them would go through memory at
   * each step. For the same reason steps must not be unrolled, and they are not if the panel's
   * place is a product with a variable.
   */
  private static void fourRows(
      float[] weights,
      int row0,
      float[] bias,
      int first,
      MemorySegment panel,
      long offset,
      int width,
      float[] out,
      int at) {
    long start = offset * Float.BYTES;
    FloatVector c00 = FloatVector.broadcast(FLOATS, bias[first]);
    FloatVector c01 = c00;
    FloatVector c10 = FloatVector.broadcast(FLOATS, bias[first + 1]);
    FloatVector c11 = c10;
    FloatVector c20 = FloatVector.broadcast(FLOATS, bias[first + 2]);
    FloatVector c21 = c20;
    FloatVector c30 = FloatVector.broadcast(FLOATS, bias[first + 3]);
    FloatVector c31 = c30;
    int row1 = row0 + width;
    int row2 = row0 + 2 * width;
    int row3 = row0 + 3 * width;
    long step = variableWidthBytes;
    for (int t = 0; t < width; t++) {
      long place = start + t * step;
      FloatVector x0 = load(panel, place);
      FloatVector x1 = load(panel, place + BYTES);
      FloatVector w = FloatVector.broadcast(FLOATS, weights[row0 + t]);
      c00 = w.fma(x0, c00);
      c01 = w.fma(x1, c01);
      w = FloatVector.broadcast(FLOATS, weights[row1 + t]);
      c10 = w.fma(x0, c10);
      c11 = w.fma(x1, c11);
      w = FloatVector.broadcast(FLOATS, weights[row2 + t]);
      c20 = w.fma(x0, c20);
      c21 = w.fma(x1, c21);
      w = FloatVector.broadcast(FLOATS, weights[row3 + t]);
      c30 = w.fma(x0, c30);
      c31 = w.fma(x1, c31);
    }
    c00.intoArray(out, at);
    c01.intoArray(out, at + LANES);
    c10.intoArray(out, at + WIDTH);
    c11.intoArray(out, at + WIDTH + LANES);
    c20.intoArray(out, at + 2 * WIDTH);
    c21.intoArray(out, at + 2 * WIDTH + LANES);
    c30.intoArray(out, at + 3 * WIDTH);
    c31.intoArray(out, at + 3 * WIDTH + LANES);
  }

  private static boolean anyAbove(float[] values, float[] factors, float[] thresholds, int at) {
    FloatVector best0 = FloatVector.fromArray(FLOATS, values, 0).mul(factors[0]);
    FloatVector best1 = FloatVector.fromArray(FLOATS, values, LANES).mul(factors[0]);
    for (int i = 1; i < TILE_FEATURES; i++) {
      float factor = factors[i];
      best0 = best0.max(FloatVector.fromArray(FLOATS, values, i * WIDTH).mul(factor));
      best1 = best1.max(FloatVector.fromArray(FLOATS, values, i * WIDTH + LANES).mul(factor));
    }
    FloatVector threshold0 = FloatVector.fromArray(FLOATS, thresholds, at);
    FloatVector threshold1 = FloatVector.fromArray(FLOATS, thresholds, at + LANES);
    return best0.compare(VectorOperators.GT, threshold0).anyTrue()
        || best1.compare(VectorOperators.GT, threshold1).anyTrue();
  }

  @Override
  public long above(float[] values, int from, float factor, float[] thresholds, int at) {
    long low =
        FloatVector.fromArray(FLOATS, values, from)
            .mul(factor)
            .compare(VectorOperators.GT, FloatVector.fromArray(FLOATS, thresholds, at))
            .toLong();
    long high =
        FloatVector.fromArray(FLOATS, values, from + LANES)
            .mul(factor)
            .compare(VectorOperators.GT, FloatVector.fromArray(FLOATS, thresholds, at + LANES))
            .toLong();
    return low | high << LANES;
  }

  @Override
  public void sumRows(
      MemorySegment table,
      int width,
      int[] rows,
      float[] weights,
      int from,
      int to,
      float[] start,
      float[] out,
      int at) {
    int i = 0;
    for (; i <= width - BLOCK; i += BLOCK) {
      FloatVector sum0 = FloatVector.fromArray(FLOATS, start, i);
      FloatVector sum1 = FloatVector.fromArray(FLOATS, start, i + LANES);
      FloatVector sum2 = FloatVector.fromArray(FLOATS, start, i + 2 * LANES);
      FloatVector sum3 = FloatVector.fromArray(FLOATS, start, i + 3 * LANES);
      for (int e = from; e < to; e++) {
        FloatVector weight = FloatVector.broadcast(FLOATS, weights[e]);
        long place = ((long) rows[e] * width + i) * Float.BYTES;
        sum0 = weight.fma(load(table, place), sum0);
        sum1 = weight.fma(load(table, place + LANES * Float.BYTES), sum1);
        sum2 = weight.fma(load(table, place + 2 * LANES * Float.BYTES), sum2);
        sum3 = weight.fma(load(table, place + 3 * LANES * Float.BYTES), sum3);
      }
      sum0.intoArray(out, at + i);
      sum1.intoArray(out, at + i + LANES);
      sum2.intoArray(out, at + i + 2 * LANES);
      sum3.intoArray(out, at + i + 3 * LANES);
    }
    for (; i < width; i++) {
      float sum = start[i];
      for (int e = from; e < to; e++) {
        sum =
            Math.fma(weights[e], table.get(FLOAT, ((long) rows[e] * width + i) * Float.BYTES), sum);
      }
      out[at + i] = sum;
    }
  }

  @Override
  public void sumRows(
      float[] table, int width, int[] rows, float[] weights, int from, int to, float[] out) {
    int i = 0;
    for (; i <= width - BLOCK; i += BLOCK) {
      FloatVector sum0 = FloatVector.zero(FLOATS);
      FloatVector sum1 = sum0;
      FloatVector sum2 = sum0;
      FloatVector sum3 = sum0;
      for (int e = from; e < to; e++) {
        FloatVector weight = FloatVector.broadcast(FLOATS, weights[e]);
        int place = rows[e] * width + i;
        sum0 = weight.fma(FloatVector.fromArray(FLOATS, table, place), sum0);
        sum1 = weight.fma(FloatVector.fromArray(FLOATS, table, place + LANES), sum1);
        sum2 = weight.fma(FloatVector.fromArray(FLOATS, table, place + 2 * LANES), sum2);
        sum3 = weight.fma(FloatVector.fromArray(FLOATS, table, place + 3 * LANES), sum3);
      }
      sum0.intoArray(out, i);
      sum1.intoArray(out, i + LANES);
      sum2.intoArray(out, i + 2 * LANES);
      sum3.intoArray(out, i + 3 * LANES);
    }
    for (; i < width; i++) {
      float sum = 0;
      for (int e = from; e < to; e++) {
        sum = Math.fma(weights[e], table[rows[e] * width + i], sum);
      }
      out[i] = sum;
    }
  }

  /*
   * The order of a sum leaves no room for vectors along it, and tokens of a feature are too few and
   * too far apart to be lanes. Eight sums at a time hide what a multiplication waits for.
   */
  @Override
  public void encodePairs(
      MemorySegment table,
      int width,
      int row,
      float bias,
      float[] vectors,
      int[] which,
      int from,
      int to,
      float[] out) {
    long start = (long) row * width * Float.BYTES;
    int e = from;
    for (; e <= to - 8; e += 8) {
      int at0 = which[e] * width;
      int at1 = which[e + 1] * width;
      int at2 = which[e + 2] * width;
      int at3 = which[e + 3] * width;
      int at4 = which[e + 4] * width;
      int at5 = which[e + 5] * width;
      int at6 = which[e + 6] * width;
      int at7 = which[e + 7] * width;
      float sum0 = bias;
      float sum1 = bias;
      float sum2 = bias;
      float sum3 = bias;
      float sum4 = bias;
      float sum5 = bias;
      float sum6 = bias;
      float sum7 = bias;
      for (int t = 0; t < width; t++) {
        float w = table.get(FLOAT, start + (long) t * Float.BYTES);
        sum0 = Math.fma(w, vectors[at0 + t], sum0);
        sum1 = Math.fma(w, vectors[at1 + t], sum1);
        sum2 = Math.fma(w, vectors[at2 + t], sum2);
        sum3 = Math.fma(w, vectors[at3 + t], sum3);
        sum4 = Math.fma(w, vectors[at4 + t], sum4);
        sum5 = Math.fma(w, vectors[at5 + t], sum5);
        sum6 = Math.fma(w, vectors[at6 + t], sum6);
        sum7 = Math.fma(w, vectors[at7 + t], sum7);
      }
      out[e] = sum0;
      out[e + 1] = sum1;
      out[e + 2] = sum2;
      out[e + 3] = sum3;
      out[e + 4] = sum4;
      out[e + 5] = sum5;
      out[e + 6] = sum6;
      out[e + 7] = sum7;
    }
    for (; e < to; e++) {
      float sum = bias;
      int at = which[e] * width;
      for (int t = 0; t < width; t++) {
        sum = Math.fma(table.get(FLOAT, start + (long) t * Float.BYTES), vectors[at + t], sum);
      }
      out[e] = sum;
    }
  }

  private static float dot(MemorySegment table, long row, float[] vector, int at, int width) {
    FloatVector sum0 = FloatVector.zero(FLOATS);
    FloatVector sum1 = sum0;
    FloatVector sum2 = sum0;
    FloatVector sum3 = sum0;
    int i = 0;
    for (; i <= width - BLOCK; i += BLOCK) {
      long place = row + (long) i * Float.BYTES;
      int v = at + i;
      sum0 = FloatVector.fromArray(FLOATS, vector, v).fma(load(table, place), sum0);
      sum1 =
          FloatVector.fromArray(FLOATS, vector, v + LANES)
              .fma(load(table, place + LANES * Float.BYTES), sum1);
      sum2 =
          FloatVector.fromArray(FLOATS, vector, v + 2 * LANES)
              .fma(load(table, place + 2 * LANES * Float.BYTES), sum2);
      sum3 =
          FloatVector.fromArray(FLOATS, vector, v + 3 * LANES)
              .fma(load(table, place + 3 * LANES * Float.BYTES), sum3);
    }
    float sum = total(sum0.add(sum1).add(sum2.add(sum3)));
    for (; i < width; i++) {
      sum = Math.fma(vector[at + i], table.get(FLOAT, row + (long) i * Float.BYTES), sum);
    }
    return sum;
  }

  @Override
  public void dotRows(
      MemorySegment table,
      int width,
      int[] rows,
      int from,
      int to,
      float[] vector,
      int at,
      float[] out) {
    for (int e = from; e < to; e++) {
      out[e] = dot(table, (long) rows[e] * width * Float.BYTES, vector, at, width);
    }
  }

  @Override
  public void dotVectors(
      MemorySegment table,
      int width,
      int row,
      float[] vectors,
      int[] which,
      int from,
      int to,
      float[] out) {
    long start = (long) row * width * Float.BYTES;
    int e = from;
    for (; e <= to - 4; e += 4) {
      dotFour(table, start, width, vectors, which, e, out);
    }
    for (; e < to; e++) {
      out[e] = dot(table, start, width, vectors, which[e] * width);
    }
  }

  /*
   * Methods of their own: both loops in one are more than C2 takes into one method, which then
   * calls the last of the loads and passes vectors through memory.
   */
  private static void dotFour(
      MemorySegment table,
      long start,
      int width,
      float[] vectors,
      int[] which,
      int e,
      float[] out) {
    int at0 = which[e] * width;
    int at1 = which[e + 1] * width;
    int at2 = which[e + 2] * width;
    int at3 = which[e + 3] * width;
    FloatVector s00 = FloatVector.zero(FLOATS);
    FloatVector s01 = s00;
    FloatVector s10 = s00;
    FloatVector s11 = s00;
    FloatVector s20 = s00;
    FloatVector s21 = s00;
    FloatVector s30 = s00;
    FloatVector s31 = s00;
    int i = 0;
    for (; i <= width - WIDTH; i += WIDTH) {
      FloatVector w0 = load(table, start + (long) i * Float.BYTES);
      FloatVector w1 = load(table, start + (long) (i + LANES) * Float.BYTES);
      s00 = w0.fma(FloatVector.fromArray(FLOATS, vectors, at0 + i), s00);
      s01 = w1.fma(FloatVector.fromArray(FLOATS, vectors, at0 + i + LANES), s01);
      s10 = w0.fma(FloatVector.fromArray(FLOATS, vectors, at1 + i), s10);
      s11 = w1.fma(FloatVector.fromArray(FLOATS, vectors, at1 + i + LANES), s11);
      s20 = w0.fma(FloatVector.fromArray(FLOATS, vectors, at2 + i), s20);
      s21 = w1.fma(FloatVector.fromArray(FLOATS, vectors, at2 + i + LANES), s21);
      s30 = w0.fma(FloatVector.fromArray(FLOATS, vectors, at3 + i), s30);
      s31 = w1.fma(FloatVector.fromArray(FLOATS, vectors, at3 + i + LANES), s31);
    }
    float sum0 = total(s00.add(s01));
    float sum1 = total(s10.add(s11));
    float sum2 = total(s20.add(s21));
    float sum3 = total(s30.add(s31));
    for (; i < width; i++) {
      float w = table.get(FLOAT, start + (long) i * Float.BYTES);
      sum0 = Math.fma(w, vectors[at0 + i], sum0);
      sum1 = Math.fma(w, vectors[at1 + i], sum1);
      sum2 = Math.fma(w, vectors[at2 + i], sum2);
      sum3 = Math.fma(w, vectors[at3 + i], sum3);
    }
    out[e] = sum0;
    out[e + 1] = sum1;
    out[e + 2] = sum2;
    out[e + 3] = sum3;
  }

  private static float dot(MemorySegment table, long start, int width, float[] vectors, int at0) {
    FloatVector s0 = FloatVector.zero(FLOATS);
    FloatVector s1 = s0;
    int i = 0;
    for (; i <= width - WIDTH; i += WIDTH) {
      FloatVector w0 = load(table, start + (long) i * Float.BYTES);
      FloatVector w1 = load(table, start + (long) (i + LANES) * Float.BYTES);
      s0 = w0.fma(FloatVector.fromArray(FLOATS, vectors, at0 + i), s0);
      s1 = w1.fma(FloatVector.fromArray(FLOATS, vectors, at0 + i + LANES), s1);
    }
    float sum = total(s0.add(s1));
    for (; i < width; i++) {
      sum = Math.fma(table.get(FLOAT, start + (long) i * Float.BYTES), vectors[at0 + i], sum);
    }
    return sum;
  }

  @Override
  public void squareRows(MemorySegment table, int width, int from, int to, double[] out) {
    for (int row = from; row < to; row++) {
      long start = (long) row * width * Float.BYTES;
      FloatVector sum0 = FloatVector.zero(FLOATS);
      FloatVector sum1 = sum0;
      int i = 0;
      for (; i <= width - WIDTH; i += WIDTH) {
        FloatVector x0 = load(table, start + (long) i * Float.BYTES);
        FloatVector x1 = load(table, start + (long) (i + LANES) * Float.BYTES);
        sum0 = x0.fma(x0, sum0);
        sum1 = x1.fma(x1, sum1);
      }
      double sum = total(sum0.add(sum1));
      for (; i < width; i++) {
        double value = table.get(FLOAT, start + (long) i * Float.BYTES);
        sum += value * value;
      }
      out[row] = sum;
    }
  }

  @Override
  public void addRow(MemorySegment table, int width, int row, float weight, float[] sum) {
    long from = (long) row * width * Float.BYTES;
    FloatVector factor = FloatVector.broadcast(FLOATS, weight);
    int i = 0;
    for (; i <= width - LANES; i += LANES) {
      factor
          .fma(load(table, from + (long) i * Float.BYTES), FloatVector.fromArray(FLOATS, sum, i))
          .intoArray(sum, i);
    }
    for (; i < width; i++) {
      sum[i] = Math.fma(weight, table.get(FLOAT, from + (long) i * Float.BYTES), sum[i]);
    }
  }

  /*
   * The sum of all lanes, in an order that is always the same: reduceLanes leaves it open, and
   * compiled code sums in another order than the interpreter.
   */
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
}
