package io.sluice.simd.blocks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.testing.Seeds;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every vector width gives the very bits of the scalar kernels. */
class BlockKernelsTest {
  private static final long SEED = Seeds.seed();

  static Stream<BlockKernels> widths() {
    return BlockKernels.everyWidth().stream();
  }

  @Tag("slow")
  @ParameterizedTest
  @MethodSource("widths")
  void givesTheBitsOfTheScalarKernels(BlockKernels kernels) {
    Random random = new Random(SEED);
    BlockKernels scalar = new ScalarBlockKernels();
    for (BlockFormat format : BlockFormat.values()) {
      for (int trial = 0; trial < 300; trial++) {
        int count = random.nextInt(5);
        int from = random.nextInt(7);
        // Random bytes: scales are of every size, infinite and NaN among them.
        byte[] bytes = new byte[from + count * format.bytes()];
        random.nextBytes(bytes);
        MemorySegment blocks = MemorySegment.ofArray(bytes);
        int values = count * format.length();
        float[] expected = new float[values + 3];
        float[] actual = new float[values + 3];
        scalar.dequantise(format, blocks, from, count, MemorySegment.ofArray(expected), 4);
        kernels.dequantise(format, blocks, from, count, MemorySegment.ofArray(actual), 4);
        assertThat(actual).as("%s %s", kernels.name(), format).containsExactly(expected);
        assertThat(actual[0]).isZero();
        assertThat(actual[values + 1]).isZero();
      }
    }
  }

  @ParameterizedTest
  @MethodSource("widths")
  void staysWithinItsMemory(BlockKernels kernels) {
    for (BlockFormat format : BlockFormat.values()) {
      MemorySegment blocks = MemorySegment.ofArray(new byte[format.bytes()]);
      MemorySegment out = MemorySegment.ofArray(new float[format.length()]);
      kernels.dequantise(format, blocks, 0, 1, out, 0);
      assertThat(out.get(ValueLayout.JAVA_FLOAT, 0)).isZero();
      assertThatThrownBy(() -> kernels.dequantise(format, blocks, 1, 1, out, 0))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> kernels.dequantise(format, blocks, 0, 1, out, 4))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
  }
}
