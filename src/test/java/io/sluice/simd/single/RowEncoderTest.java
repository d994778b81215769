package io.sluice.simd.single;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.Workers;
import io.sluice.simd.NonFiniteException;
import io.sluice.simd.batch.EncoderWeights;
import io.sluice.simd.batch.TopKEncoder;
import io.sluice.testing.Seeds;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Selection over streamed rows is exact, and bytes find the same as float32 weights do. */
@Tag("slow")
class RowEncoderTest {
  private static final long SEED = Seeds.seed();

  private record Codes(int[] features, float[] values, int[] counts) {}

  private record Problem(
      float[] w, float[] bias, float[] factors, float[] floors, int features, int width) {

    RowEncoder encoder(RowFormat format) {
      return new RowEncoder(
          new EncoderWeights(MemorySegment.ofArray(w), bias, factors, features, width),
          floors,
          format);
    }
  }

  private static Codes encode(RowEncoder encoder, float[] x, int count, int k, Workers workers) {
    RowEncoder.Scratch scratch = encoder.scratch(k, workers == null ? 1 : workers.threads());
    Codes codes = new Codes(new int[count * k], new float[count * k], new int[count]);
    // Twice: the second call meets scratch memory that the first has used.
    for (int call = 0; call < 2; call++) {
      for (int v = 0; v < count; v++) {
        System.arraycopy(
            x, v * encoder.width(), scratch.vectors(), v * scratch.paddedWidth(), encoder.width());
      }
      encoder.encode(scratch, count, workers, codes.features, codes.values, 0, codes.counts, 0);
    }
    return codes;
  }

  private static void assertSame(Codes actual, Codes expected, int k) {
    assertThat(actual.counts).containsExactly(expected.counts);
    for (int v = 0; v < expected.counts.length; v++) {
      int from = v * k;
      int to = from + expected.counts[v];
      assertThat(Arrays.copyOfRange(actual.features, from, to))
          .containsExactly(Arrays.copyOfRange(expected.features, from, to));
      assertThat(Arrays.copyOfRange(actual.values, from, to))
          .containsExactly(Arrays.copyOfRange(expected.values, from, to));
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

  private static float[] gaussians(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  @Test
  void selectsExactlyTheLargestWithTiesToTheLowerFeature() {
    Random random = new Random(SEED);
    try (Workers three = Workers.of(3)) {
      for (int trial = 0; trial < 120; trial++) {
        int width = 1 + random.nextInt(40);
        int features = 1 + random.nextInt(trial % 10 == 0 ? 3000 : 300);
        int count = 1 + random.nextInt(RowEncoder.MOST_VECTORS);
        int k =
            switch (random.nextInt(4)) {
              case 0 -> 1;
              case 1 -> features;
              default -> 1 + random.nextInt(features);
            };
        float[] w = wholes(random, features * width, 2);
        float[] bias = wholes(random, features, 3);
        float[] factors = new float[features];
        float[] floors = new float[features];
        for (int i = 0; i < features; i++) {
          factors[i] = trial % 3 == 0 ? 1 + random.nextInt(3) : 1;
          floors[i] = trial % 5 == 0 ? random.nextInt(5) : 0;
        }
        if (trial % 7 == 0) {
          Arrays.fill(bias, -1000);
        }
        float[] x = wholes(random, count * width, 2);
        Codes expected = sorted(w, bias, factors, floors, features, x, width, count, k);
        Problem problem = new Problem(w, bias, factors, floors, features, width);
        for (RowFormat format : RowFormat.values()) {
          Workers workers = random.nextBoolean() ? three : null;
          assertSame(encode(problem.encoder(format), x, count, k, workers), expected, k);
        }
      }
    }
  }

  private static Codes sorted(
      float[] w,
      float[] bias,
      float[] factors,
      float[] floors,
      int features,
      float[] x,
      int width,
      int count,
      int k) {
    Codes codes = new Codes(new int[count * k], new float[count * k], new int[count]);
    for (int v = 0; v < count; v++) {
      float[] value = new float[features];
      for (int feature = 0; feature < features; feature++) {
        float sum = bias[feature];
        for (int i = 0; i < width; i++) {
          sum += w[feature * width + i] * x[v * width + i];
        }
        value[feature] = sum;
      }
      int[] kept =
          IntStream.range(0, features)
              .filter(f -> value[f] > 0 && value[f] * factors[f] > floors[f])
              .boxed()
              .sorted((a, b) -> Float.compare(value[b] * factors[b], value[a] * factors[a]))
              .limit(k)
              .mapToInt(Integer::intValue)
              .sorted()
              .toArray();
      codes.counts[v] = kept.length;
      for (int i = 0; i < kept.length; i++) {
        codes.features[v * k + i] = kept[i];
        codes.values[v * k + i] = value[kept[i]];
      }
    }
    return codes;
  }

  /** The bound is a proof, so there is no share of activations on which they may differ. */
  @Test
  void bytesGiveTheBitsOfFloat32() {
    Random random = new Random(SEED);
    for (int trial = 0; trial < 60; trial++) {
      int width = 1 + random.nextInt(200);
      int features = 1 + random.nextInt(2000);
      int count = 1 + random.nextInt(RowEncoder.MOST_VECTORS);
      int k = 1 + random.nextInt(Math.min(features, 40));
      float[] w = gaussians(random, features * width);
      float[] bias = gaussians(random, features);
      float[] factors = new float[features];
      for (int i = 0; i < features; i++) {
        factors[i] = trial % 3 == 0 ? 0.1f + random.nextFloat() : 1;
      }
      if (trial % 4 == 1) {
        // Rows that differ by less than the bytes can tell apart.
        for (int i = width; i < w.length; i++) {
          w[i] = w[i % width] + 1e-4f * w[i];
        }
        Arrays.fill(bias, 0.5f);
      } else if (trial % 4 == 2) {
        // One outlier per row leaves the bytes next to nothing for the rest.
        for (int row = 0; row < features; row++) {
          w[row * width + random.nextInt(width)] = 1000;
        }
      } else if (trial % 4 == 3) {
        for (int i = 0; i < w.length; i++) {
          w[i] *= (float) Math.pow(10, random.nextInt(60) - 40);
        }
      }
      float[] x = gaussians(random, count * width);
      Problem problem = new Problem(w, bias, factors, new float[features], features, width);
      assertSame(
          encode(problem.encoder(RowFormat.I8), x, count, k, null),
          encode(problem.encoder(RowFormat.F32), x, count, k, null),
          k);
    }
  }

  @Test
  void agreesWithTheEncoderOfManyTokens() {
    Random random = new Random(SEED);
    int width = 96;
    int features = 3000;
    int k = 20;
    float[] w = gaussians(random, features * width);
    float[] bias = gaussians(random, features);
    float[] factors = new float[features];
    Arrays.fill(factors, 1);
    float[] x = gaussians(random, width * RowEncoder.MOST_VECTORS);
    int count = RowEncoder.MOST_VECTORS;
    Codes many = new Codes(new int[count * k], new float[count * k], new int[count]);
    TopKEncoder encoder = new TopKEncoder(Workers.of(1));
    encoder.prepare(new EncoderWeights(MemorySegment.ofArray(w), bias, factors, features, width));
    encoder.encode(x, count, k, many.features, many.values, many.counts);
    Problem problem = new Problem(w, bias, factors, new float[features], features, width);
    Codes few = encode(problem.encoder(RowFormat.F32), x, count, k, null);
    assertThat(few.features).containsExactly(many.features);
    for (int i = 0; i < few.values.length; i++) {
      assertThat(few.values[i])
          .isCloseTo(many.values[i], org.assertj.core.data.Offset.offset(1e-4f));
    }
  }

  @Test
  void valuesThatAreNotFiniteAreNamed() {
    Problem problem =
        new Problem(new float[] {1, 1, 1, 1}, new float[2], new float[] {1, 1}, new float[2], 2, 2);
    for (RowFormat format : RowFormat.values()) {
      RowEncoder encoder = problem.encoder(format);
      for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
        assertThatThrownBy(() -> encode(encoder, new float[] {1, 2, 3, bad, 5, 6}, 3, 1, null))
            .isInstanceOf(NonFiniteException.class)
            .hasMessageContaining("row 1")
            .hasMessageContaining("column 1");
      }
      assertThatThrownBy(() -> encode(encoder, new float[] {3e38f, 3e38f}, 1, 1, null))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("overflow");
    }
    assertThatThrownBy(
            () ->
                new Problem(
                        new float[] {1, Float.NaN},
                        new float[2],
                        new float[] {1, 1},
                        new float[2],
                        2,
                        1)
                    .encoder(RowFormat.F32))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("feature 1");
  }
}
