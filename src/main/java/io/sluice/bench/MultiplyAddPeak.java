package io.sluice.bench;

import io.sluice.simd.KernelProvider;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The peak rate of float32 multiply-adds of a core: sixteen independent chains of fused
 * multiply-adds on registers alone. Kernels are measured against it.
 */
public final class MultiplyAddPeak {
  private static final int CHAINS = 16;
  private static final int STEPS = 4096;

  private MultiplyAddPeak() {}

  /**
   * Runs about so many floating-point operations, a multiply-add counting as two, on this thread.
   *
   * @return how many they were
   */
  public static double run(double operations) {
    if (!KernelProvider.isVectorised()) {
      return Scalar.run(operations);
    }
    return Vectors.run(operations);
  }

  /** The result, so that the compiler cannot remove the computation. */
  private static volatile float sink;

  private static final class Scalar {
    static double run(double operations) {
      float a = 0;
      float b = 0;
      float c = 0;
      float d = 0;
      double done = 0;
      for (; done < operations; done += 8.0 * STEPS) {
        for (int i = 0; i < STEPS; i++) {
          a = a * 0.5f + 1;
          b = b * 0.5f + 1;
          c = c * 0.5f + 1;
          d = d * 0.5f + 1;
        }
      }
      sink = a + b + c + d;
      return done;
    }
  }

  /** A class of its own, so that it loads only where the Vector API is. */
  private static final class Vectors {
    private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;

    static double run(double operations) {
      double done = 0;
      while (done < operations) {
        sink = chains();
        done += 2.0 * CHAINS * STEPS * FLOATS.length();
      }
      return done;
    }

    private static float chains() {
      FloatVector half = FloatVector.broadcast(FLOATS, 0.5f);
      FloatVector one = FloatVector.broadcast(FLOATS, 1);
      FloatVector c0 = one;
      FloatVector c1 = one;
      FloatVector c2 = one;
      FloatVector c3 = one;
      FloatVector c4 = one;
      FloatVector c5 = one;
      FloatVector c6 = one;
      FloatVector c7 = one;
      FloatVector c8 = one;
      FloatVector c9 = one;
      FloatVector c10 = one;
      FloatVector c11 = one;
      FloatVector c12 = one;
      FloatVector c13 = one;
      FloatVector c14 = one;
      FloatVector c15 = one;
      for (int i = 0; i < STEPS; i++) {
        c0 = c0.fma(half, one);
        c1 = c1.fma(half, one);
        c2 = c2.fma(half, one);
        c3 = c3.fma(half, one);
        c4 = c4.fma(half, one);
        c5 = c5.fma(half, one);
        c6 = c6.fma(half, one);
        c7 = c7.fma(half, one);
        c8 = c8.fma(half, one);
        c9 = c9.fma(half, one);
        c10 = c10.fma(half, one);
        c11 = c11.fma(half, one);
        c12 = c12.fma(half, one);
        c13 = c13.fma(half, one);
        c14 = c14.fma(half, one);
        c15 = c15.fma(half, one);
      }
      FloatVector sum = c0.add(c1).add(c2.add(c3)).add(c4.add(c5).add(c6.add(c7)));
      sum = sum.add(c8.add(c9).add(c10.add(c11)).add(c12.add(c13).add(c14.add(c15))));
      return sum.lane(0);
    }
  }
}
