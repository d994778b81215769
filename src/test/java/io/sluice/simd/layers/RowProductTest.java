package io.sluice.simd.layers;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.memory.Workers;
import io.sluice.simd.KernelProvider;
import io.sluice.testing.Seeds;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RowProductTest {
  /** Kernels of vectors round once per multiply-add, the scalar ones after each operation. */
  private static final boolean FUSED = KernelProvider.isVectorised();

  @ParameterizedTest
  @CsvSource({"1, 1, 1", "70, 40, 150", "768, 33, 20", "1000, 70, 9", "2048, 5, 7"})
  void inOneSumHasTheBitsOfAPlainLoop(int in, int out, int rows) {
    Random random = new Random(Seeds.seed());
    float[] matrix = floats(random, out * in);
    float[] bias = floats(random, out);
    float[] x = floats(random, rows * in);
    try (Arena arena = Arena.ofShared();
        Workers two = Workers.of(2)) {
      PackedMatrix packed = new PackedMatrix(out, in, arena);
      packed.set(0, out, MemorySegment.ofArray(matrix), in, 1, two);
      packed.setBias(0, bias);
      MemorySegment from = arena.allocate(4L * x.length).copyFrom(MemorySegment.ofArray(x));
      MemorySegment to = arena.allocate(4L * rows * out);
      RowProduct.inOneSum().multiply(packed, from, rows, to, two);
      for (int row = 0; row < rows; row++) {
        for (int i = 0; i < out; i++) {
          float sum = bias[i];
          for (int t = 0; t < in; t++) {
            float a = x[row * in + t];
            float b = matrix[i * in + t];
            sum = FUSED ? Math.fma(a, b, sum) : sum + a * b;
          }
          assertThat(to.getAtIndex(ValueLayout.JAVA_FLOAT, (long) row * out + i)).isEqualTo(sum);
        }
      }
    }
  }

  @Test
  void aRowsProductDoesNotDependOnTheThreads() {
    Random random = new Random(Seeds.seed());
    try (Arena arena = Arena.ofShared();
        Workers two = Workers.of(2);
        Workers one = Workers.of(1)) {
      PackedMatrix packed = new PackedMatrix(40, 700, arena);
      packed.set(0, 40, MemorySegment.ofArray(floats(random, 40 * 700)), 700, 1, two);
      float[] x = floats(random, 100 * 700);
      MemorySegment from = arena.allocate(4L * x.length).copyFrom(MemorySegment.ofArray(x));
      for (RowProduct product : new RowProduct[] {new RowProduct(), RowProduct.inOneSum()}) {
        MemorySegment shared = arena.allocate(4L * 100 * 40);
        MemorySegment alone = arena.allocate(4L * 100 * 40);
        product.multiply(packed, from, 100, shared, two);
        product.multiply(packed, from, 100, alone, one);
        assertThat(shared.mismatch(alone)).isEqualTo(-1);
      }
    }
  }

  private static float[] floats(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
