package io.sluice.simd.adam;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.sun.management.ThreadMXBean;
import io.sluice.memory.DType;
import io.sluice.testing.ChildJvm;
import io.sluice.testing.Seeds;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every vector width agrees with the scalar kernel, at odd sizes and alignments. */
class AdamKernelTest {
  private static final long SEED = Seeds.seed();
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  static Stream<AdamKernel> widths() {
    return AdamKernel.everyWidth().stream();
  }

  @ParameterizedTest
  @MethodSource("widths")
  void adamAgreesAndLeavesNoDenormals(AdamKernel kernel) {
    Random random = new Random(SEED);
    AdamKernel scalar = new ScalarAdamKernel();
    try (Arena arena = Arena.ofConfined()) {
      for (int trial = 0; trial < 60; trial++) {
        int width = 1 + random.nextInt(90);
        float[] value = floats(random, 2 * width);
        float[] first = floats(random, 2 * width);
        float[] second = floats(random, 2 * width);
        for (int i = 0; i < second.length; i++) {
          second[i] = random.nextInt(4) == 0 ? Float.MIN_VALUE : Math.abs(second[i]);
          first[i] = random.nextInt(4) == 0 ? -1e-31f : first[i];
        }
        float[] gradient = random.nextInt(3) == 0 ? null : floats(random, width);
        AdamRows.Factors factors = new AdamRows.Factors(0.1f, 1e-3f, 0.01f, 1.5f, 1e-8f, 1);
        MemorySegment[] own = new MemorySegment[3];
        MemorySegment[] theirs = new MemorySegment[3];
        float[][] all = {value, first, second};
        for (int i = 0; i < 3; i++) {
          own[i] = unaligned(arena, all[i]);
          theirs[i] = unaligned(arena, all[i]);
        }
        AdamRows.during(
            session -> {
              session.step(0, 1, gradient, 0.9f, 0.999f, factors);
              session.step(1, 1, gradient, 0.9f, 0.999f, factors);
            },
            new AdamRows(kernel, own[0], own[1], own[2], 2, width, DType.F32, 0),
            new AdamRows(scalar, theirs[0], theirs[1], theirs[2], 2, width, DType.F32, 0));
        for (int i = 0; i < 3; i++) {
          float[] actual = own[i].toArray(FLOAT);
          assertThat(actual).containsExactly(theirs[i].toArray(FLOAT), within(5e-5f));
          if (i > 0) {
            for (int j = width; j < 2 * width; j++) {
              assertThat(actual[j] == 0 || Math.abs(actual[j]) >= AdamKernel.VANISHING).isTrue();
            }
          }
          assertThat(Arrays.copyOf(actual, width)).containsExactly(Arrays.copyOf(all[i], width));
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("widths")
  void roundedMomentsHaveTheBitsOfTheScalarKernel(AdamKernel kernel) {
    Random random = new Random(SEED);
    AdamKernel scalar = new ScalarAdamKernel();
    try (Arena arena = Arena.ofConfined()) {
      for (int trial = 0; trial < 60; trial++) {
        int width = 1 + random.nextInt(90);
        MemorySegment[] own = {
          unaligned(arena, floats(random, 2 * width)),
          halves(arena, random, 2 * width, true),
          halves(arena, random, 2 * width, false)
        };
        MemorySegment[] theirs = new MemorySegment[3];
        byte[][] before = new byte[3][];
        for (int i = 0; i < 3; i++) {
          before[i] = own[i].toArray(ValueLayout.JAVA_BYTE);
          theirs[i] = arena.allocate(own[i].byteSize() + 2, 64).asSlice(2).copyFrom(own[i]);
        }
        AdamRows ofKernel = new AdamRows(kernel, own[0], own[1], own[2], 2, width, DType.BF16, 1);
        AdamRows ofScalar =
            new AdamRows(scalar, theirs[0], theirs[1], theirs[2], 2, width, DType.BF16, 1);
        for (int step = 1; step <= 5; step++) {
          float[] gradient = random.nextInt(3) == 0 ? null : floats(random, width);
          AdamRows.Factors factors = new AdamRows.Factors(0.1f, 1e-3f, 0.01f, 1.5f, 1e-8f, step);
          AdamRows.during(
              session -> {
                session.step(0, 1, gradient, 0.9f, 0.999f, factors);
                session.step(1, 1, gradient, 0.9f, 0.999f, factors);
              },
              ofKernel,
              ofScalar);
        }
        for (int i = 0; i < 3; i++) {
          byte[] actual = own[i].toArray(ValueLayout.JAVA_BYTE);
          assertThat(actual).isEqualTo(theirs[i].toArray(ValueLayout.JAVA_BYTE));
          assertThat(Arrays.copyOf(actual, actual.length / 2))
              .isEqualTo(Arrays.copyOf(before[i], actual.length / 2));
          if (i < 2) {
            assertThat(actual).isNotEqualTo(before[i]);
          }
        }
      }
    }
  }

  /**
   * A vector that is passed to a method which the compiler does not inline is an object; that
   * doubled the time of the kernel once.
   */
  @Tag("slow")
  @Test
  void roundedMomentsAllocateNothingOnceCompiled() throws Exception {
    Process alone = ChildJvm.start(Alone.class, "128m", List.of());
    String printed = new String(alone.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(alone.waitFor()).isZero();
    assertThat(Long.parseLong(printed.strip()))
        .as("bytes for 1000 rows")
        .isLessThanOrEqualTo(10_000);
  }

  /**
   * Prints the bytes; in a JVM of its own, as what ran before decides what the compiler inlines.
   */
  static final class Alone {
    private Alone() {}

    public static void main(String[] arguments) {
      ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
      int width = 576;
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment value = arena.allocate(width * 4L, 64);
        MemorySegment first = arena.allocate(width * 2L, 64);
        MemorySegment second = arena.allocate(width * 2L, 64);
        AdamRows rows = new AdamRows(value, first, second, 1, width, DType.BF16, 0);
        float[] gradient = floats(new Random(1), width);
        AdamRows.Factors factors = new AdamRows.Factors(0.1f, 1e-3f, 0.01f, 1.5f, 1e-8f, 1);
        long[] least = {Long.MAX_VALUE};
        AdamRows.during(
            session -> {
              for (int attempt = 0; attempt < 300 && least[0] > 10_000; attempt++) {
                long before = threads.getCurrentThreadAllocatedBytes();
                for (int i = 0; i < 1000; i++) {
                  session.step(0, 0, (i & 3) == 0 ? gradient : null, 0.9f, 0.999f, factors);
                }
                least[0] = Math.min(least[0], threads.getCurrentThreadAllocatedBytes() - before);
              }
            },
            rows);
        System.out.println(least[0]);
      }
    }
  }

  private static MemorySegment halves(Arena arena, Random random, int count, boolean signed) {
    MemorySegment memory = arena.allocate(count * 2L + 2, 64).asSlice(2);
    for (int i = 0; i < count; i++) {
      float value = (float) random.nextGaussian();
      float drawn = random.nextInt(4) == 0 ? 1e-31f : signed ? value : Math.abs(value);
      memory.set(
          ValueLayout.JAVA_SHORT_UNALIGNED, 2L * i, (short) (Float.floatToIntBits(drawn) >>> 16));
    }
    return memory;
  }

  private static MemorySegment unaligned(Arena arena, float[] values) {
    MemorySegment memory = arena.allocate(values.length * 4L + 4, 64).asSlice(4);
    return memory.copyFrom(MemorySegment.ofArray(values));
  }

  private static float[] floats(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
