package io.sluice.simd.batch;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.Workers;
import io.sluice.simd.NonFiniteException;
import io.sluice.simd.NonFiniteWeightsException;
import io.sluice.testing.Seeds;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The fused selection is exact: the same features as sorting every pre-activation gives. */
class TopKEncoderTest {
  private static final long SEED = Seeds.seed();

  private record Codes(int[] features, float[] values, int[] counts) {}

  private static Codes encode(
      int threads,
      float[] w,
      float[] bias,
      float[] factors,
      float[] x,
      int width,
      int count,
      int k) {
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(threads)) {
      int features = bias.length;
      MemorySegment rows = arena.allocate(w.length * 4L, 64).copyFrom(MemorySegment.ofArray(w));
      TopKEncoder encoder = new TopKEncoder(workers);
      Codes codes = new Codes(new int[count * k], new float[count * k], new int[count]);
      encoder.prepare(new EncoderWeights(rows, bias, factors, features, width));
      // Twice: the second call meets scratch memory that the first has used.
      encoder.encode(x, count, k, codes.features, codes.values, codes.counts);
      encoder.encode(x, count, k, codes.features, codes.values, codes.counts);
      return codes;
    }
  }

  /** Small whole numbers, so that sums are exact in any order and many values are equal. */
  private static float[] wholes(Random random, int count, int bound) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = random.nextInt(2 * bound + 1) - bound;
    }
    return values;
  }

  @Tag("slow")
  @Test
  void selectsExactlyTheLargestWithTiesToTheLowerFeature() {
    Random random = new Random(SEED);
    for (int trial = 0; trial < 150; trial++) {
      int width = 1 + random.nextInt(40);
      int features = 1 + random.nextInt(trial % 10 == 0 ? 3000 : 300);
      int count = 1 + random.nextInt(150);
      int k =
          switch (random.nextInt(4)) {
            case 0 -> 1;
            case 1 -> features;
            default -> 1 + random.nextInt(features);
          };
      float[] w = wholes(random, features * width, 2);
      float[] bias = wholes(random, features, 3);
      float[] factors = new float[features];
      for (int i = 0; i < features; i++) {
        factors[i] = trial % 3 == 0 ? 1 + random.nextInt(3) : 1;
      }
      if (trial % 7 == 0) {
        Arrays.fill(bias, -1000);
      }
      float[] x = wholes(random, count * width, 2);
      Codes codes = encode(1 + random.nextInt(3), w, bias, factors, x, width, count, k);
      for (int token = 0; token < count; token++) {
        float[] value = new float[features];
        for (int feature = 0; feature < features; feature++) {
          float sum = bias[feature];
          for (int i = 0; i < width; i++) {
            sum += w[feature * width + i] * x[token * width + i];
          }
          value[feature] = sum;
        }
        int[] expected =
            IntStream.range(0, features)
                .filter(f -> value[f] > 0)
                .boxed()
                .sorted((a, b) -> Float.compare(value[b] * factors[b], value[a] * factors[a]))
                .limit(k)
                .mapToInt(Integer::intValue)
                .sorted()
                .toArray();
        int from = token * k;
        int to = from + codes.counts[token];
        assertThat(Arrays.copyOfRange(codes.features, from, to)).containsExactly(expected);
        for (int i = 0; i < expected.length; i++) {
          assertThat(codes.values[from + i]).isEqualTo(value[expected[i]]);
        }
      }
    }
  }

  @Tag("slow")
  @Test
  void anyNumberOfThreadsGivesTheSameBits() {
    Random random = new Random(SEED);
    int width = 33;
    int features = 1000;
    int count = 500;
    float[] w = gaussians(random, features * width);
    float[] bias = gaussians(random, features);
    float[] factors = new float[features];
    Arrays.fill(factors, 1);
    float[] x = gaussians(random, count * width);
    Codes one = encode(1, w, bias, factors, x, width, count, 16);
    for (int threads = 2; threads <= 5; threads++) {
      Codes many = encode(threads, w, bias, factors, x, width, count, 16);
      assertThat(many.features).containsExactly(one.features);
      assertThat(many.values).containsExactly(one.values);
      assertThat(many.counts).containsExactly(one.counts);
    }
  }

  /**
   * Tokens that lie in few directions are screened by these after the first pass: to the bit what
   * the first pass gave, whatever the tokens and whatever became of the weights.
   */
  @Tag("slow")
  @Test
  void aScreenChangesNothing() {
    Random random = new Random(SEED);
    int width = 128;
    int features = 2048;
    int count = 512;
    int k = 16;
    float[] directions = gaussians(random, 24 * width);
    float[] w = gaussians(random, features * width);
    float[] bias = gaussians(random, features);
    float[] factors = new float[features];
    for (int i = 0; i < features; i++) {
      factors[i] = 0.5f + random.nextFloat();
    }
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(2)) {
      MemorySegment rows = arena.allocate(w.length * 4L, 64).copyFrom(MemorySegment.ofArray(w));
      TopKEncoder encoder = new TopKEncoder(workers);
      EncoderWeights weights = new EncoderWeights(rows, bias, factors, features, width);
      encoder.prepare(weights);
      for (int pass = 0; pass < 18; pass++) {
        float[] x = lowDimensional(random, directions, width, count, pass == 9 ? 1f : 0.02f);
        TopKEncoder fresh = new TopKEncoder(workers);
        fresh.prepare(weights);
        Codes one = new Codes(new int[count * k], new float[count * k], new int[count]);
        Codes other = new Codes(new int[count * k], new float[count * k], new int[count]);
        fresh.encode(x, count, k, one.features, one.values, one.counts);
        encoder.encode(x, count, k, other.features, other.values, other.counts);
        assertThat(other.features).containsExactly(one.features);
        assertThat(other.values).containsExactly(one.values);
        assertThat(other.counts).containsExactly(one.counts);
        assertThat(encoder.screenedDirections()).isBetween(16, 96);
        if (pass % 5 == 4) {
          MemorySegment.copy(gaussians(random, 300 * width), 0, rows, JAVA_FLOAT, 0, 300 * width);
          bias[7] = 100;
          encoder.prepare(weights);
        }
      }
    }
  }

  private static float[] lowDimensional(
      Random random, float[] directions, int width, int count, float noise) {
    float[] x = gaussians(random, count * width);
    for (int token = 0; token < count; token++) {
      for (int i = 0; i < width; i++) {
        x[token * width + i] *= noise;
      }
      for (int d = 0; d < directions.length / width; d++) {
        float amount = (float) random.nextGaussian();
        for (int i = 0; i < width; i++) {
          x[token * width + i] += amount * directions[d * width + i];
        }
      }
    }
    return x;
  }

  @Test
  void weightsThatAreNotFiniteAreNamedByFeature() {
    float[] bias = {0, 0};
    float[] factors = {1, 1};
    float[] x = {1, 2};
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      float[] w = {1, 1, 1, bad};
      assertThatThrownBy(() -> encode(1, w, bias, factors, x, 2, 1, 1))
          .isInstanceOf(NonFiniteWeightsException.class)
          .hasMessageContaining("feature 1");
    }
  }

  @Test
  void valuesThatAreNotFiniteAreNamedByRowAndColumn() {
    float[] w = {1, 1, 1, 1};
    float[] bias = {0, 0};
    float[] factors = {1, 1};
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      float[] x = {1, 2, 3, bad, 5, 6};
      assertThatThrownBy(() -> encode(1, w, bias, factors, x, 2, 3, 1))
          .isInstanceOf(NonFiniteException.class)
          .hasMessageContaining("row 1")
          .hasMessageContaining("column 1");
    }
  }

  private static float[] gaussians(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
