package io.sluice.simd.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.engine.vector.Int8Units;
import io.sluice.memory.Workers;
import io.sluice.simd.int8.Int8Product;
import io.sluice.simd.int8.PlainInt8Product;
import io.sluice.testing.Seeds;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Bounds from int8 change no bit of a selection: features, values and ties are those of the float32
 * path. The product is the plain one, so this holds on every machine; where the processor has int8
 * units, its own product is held to the same.
 */
class Int8ScreenTest {
  private static final int FEATURES = 1100;
  private static final int WIDTH = 70;
  private static final int COUNT = 150;

  private final Random random = new Random(Seeds.seed());

  /** Inputs that are hard to bound, each in its own way. */
  enum Input {
    GAUSSIAN,
    EQUAL_ROWS,
    HUGE_AND_TINY_ROWS,
    HUGE_AND_TINY_TOKENS,
    ZEROS,
    ONE_GIANT_COORDINATE,
    LARGE_BIASES,
    FACTORS,
    WHOLE_NUMBERS,
    FEW_DIRECTIONS
  }

  private final float[] rows = new float[FEATURES * WIDTH];
  private final float[] tokens = new float[COUNT * WIDTH];
  private final float[] bias = new float[FEATURES];
  private final float[] factors = new float[FEATURES];

  private void make(Input input) {
    fill(rows);
    fill(tokens);
    Arrays.fill(factors, 1);
    for (int i = 0; i < FEATURES; i++) {
      bias[i] = 0.1f * (float) random.nextGaussian();
    }
    switch (input) {
      case GAUSSIAN -> {}
      case EQUAL_ROWS -> {
        Arrays.fill(bias, 0);
        for (int i = 0; i < FEATURES; i++) {
          System.arraycopy(rows, i % 7 * WIDTH, rows, i * WIDTH, WIDTH);
        }
      }
      case HUGE_AND_TINY_ROWS -> scale(rows, FEATURES);
      case HUGE_AND_TINY_TOKENS -> scale(tokens, COUNT);
      case ZEROS -> {
        Arrays.fill(rows, 5 * WIDTH, 300 * WIDTH, 0);
        Arrays.fill(tokens, 3 * WIDTH, 40 * WIDTH, 0);
      }
      case ONE_GIANT_COORDINATE -> {
        for (int i = 0; i < COUNT; i++) {
          tokens[i * WIDTH + 3] = 3000;
        }
        for (int i = 0; i < FEATURES; i += 2) {
          rows[i * WIDTH + 9] = -500;
        }
      }
      case LARGE_BIASES -> {
        for (int i = 0; i < FEATURES; i++) {
          bias[i] = 1e7f + i % 3;
        }
      }
      case FACTORS -> {
        for (int i = 0; i < FEATURES; i++) {
          factors[i] = 0.01f + 3 * random.nextFloat();
        }
      }
      case WHOLE_NUMBERS -> {
        wholes(rows);
        wholes(tokens);
        Arrays.fill(bias, 1);
      }
      case FEW_DIRECTIONS -> {
        for (int i = 0; i < COUNT; i++) {
          float amount = 10 * (float) random.nextGaussian();
          for (int j = 0; j < WIDTH; j++) {
            tokens[i * WIDTH + j] = 0.01f * tokens[i * WIDTH + j] + amount * rows[j];
          }
        }
      }
    }
  }

  private void fill(float[] values) {
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
  }

  private void wholes(float[] values) {
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextInt(5) - 2;
    }
  }

  private static void scale(float[] values, int count) {
    float[] sizes = {1, 1e-44f, 1e-30f, 1e-13f, 1e-6f, 1e6f, 1e11f, 1e15f};
    for (int i = 0; i < count; i++) {
      for (int j = 0; j < WIDTH; j++) {
        values[i * WIDTH + j] *= sizes[i % sizes.length];
      }
    }
  }

  @Tag("slow")
  @ParameterizedTest
  @EnumSource(Input.class)
  void selectsTheSameBitsAsFloat32(Input input) {
    withEachProduct(
        product -> {
          make(input);
          compare(input, product, false);
          make(input);
          compare(input, product, true);
        });
  }

  private static void withEachProduct(Consumer<Int8Product> test) {
    test.accept(new PlainInt8Product());
    if (Int8Units.product() != null) {
      test.accept(Int8Units.product());
    }
  }

  private MemorySegment table(Arena arena) {
    return arena
        .allocate((long) rows.length * Float.BYTES, 64)
        .copyFrom(MemorySegment.ofArray(rows));
  }

  private void compare(Input input, Int8Product product, boolean byAmount) {
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(2)) {
      MemorySegment table = table(arena);
      EncoderWeights weights = new EncoderWeights(table, bias, factors, FEATURES, WIDTH);
      for (int k : new int[] {1, 8, 64}) {
        SparseKernels kernels = SparseKernels.ofThisMachine();
        TopKEncoder plain = new TopKEncoder(kernels, workers, () -> null, byAmount);
        TopKEncoder screened = new TopKEncoder(kernels, workers, () -> product, byAmount);
        for (int pass = 0; pass < 5; pass++) {
          if (pass == 3) {
            // Other weights of the same shape: what was rounded before must not be used.
            MemorySegment.copy(table, 0, table, 4L * WIDTH * 40, 4L * WIDTH * 100);
            bias[11] = 3;
          }
          if (pass % 3 == 0) {
            plain.prepare(weights);
            screened.prepare(weights);
          }
          requireSameBits(plain, screened, tokens, COUNT, k);
          if (pass == 0) {
            assertThat(screened.screen()).contains("int8");
          }
        }
      }
    }
  }

  @Tag("slow")
  @ParameterizedTest
  @EnumSource(Input.class)
  void findsTheSameBitsAboveThresholds(Input input) {
    withEachProduct(
        product -> {
          make(input);
          try (Arena arena = Arena.ofShared();
              Workers workers = Workers.of(2)) {
            MemorySegment table = table(arena);
            EncoderWeights weights = new EncoderWeights(table, bias, factors, FEATURES, WIDTH);
            float[] thresholds = thresholds(weights);
            SparseRows expected = new SparseRows();
            SparseRows found = new SparseRows();
            ThresholdEncoder plain = new ThresholdEncoder(workers);
            for (int pass = 0; pass < 3; pass++) {
              ThresholdEncoder screened = new ThresholdEncoder(workers, () -> product);
              plain.prepare(weights);
              screened.prepare(weights);
              plain.encode(thresholds, tokens, COUNT, expected);
              screened.encode(thresholds, tokens, COUNT, found);
              requireSameBits(expected, found);
              assertThat(screened.screen()).isEqualTo("int8");
              MemorySegment.copy(table, 0, table, 4L * WIDTH * 40, 4L * WIDTH * 100);
              bias[11] = 3;
            }
          }
        });
  }

  /** Few directions hold the tokens, and the few rows that move are projected again. */
  @Tag("slow")
  @Test
  void directionsAndInt8TogetherChangeNoBit() {
    int width = 320;
    int count = 400;
    int directions = 20;
    float[] basis = new float[directions * width];
    fill(basis);
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(2)) {
      float[] within = mixtures(FEATURES, basis, directions, width);
      MemorySegment table =
          arena.allocate(4L * within.length, 64).copyFrom(MemorySegment.ofArray(within));
      float[] ones = new float[FEATURES];
      Arrays.fill(ones, 1);
      EncoderWeights weights =
          new EncoderWeights(table, new float[FEATURES], ones, FEATURES, width);
      TopKEncoder screened = new TopKEncoder(workers, PlainInt8Product::new);
      boolean[] moved = null;
      for (int pass = 0; pass < 6; pass++) {
        float[] batch = mixtures(count, basis, directions, width);
        TopKEncoder plain = new TopKEncoder(workers);
        plain.prepare(weights);
        screened.prepare(weights, moved);
        requireSameBits(plain, screened, batch, count, 2);
        if (pass >= 4) {
          assertThat(screened.screen()).isEqualTo("int8, directions");
        }
        moved = new boolean[FEATURES];
        for (int i = 0; i < 30; i++) {
          int feature = random.nextInt(FEATURES);
          moved[feature] = true;
          MemorySegment.copy(
              mixtures(1, basis, directions, width),
              0,
              table,
              ValueLayout.JAVA_FLOAT,
              4L * feature * width,
              width);
        }
      }
    }
  }

  private float[] mixtures(int count, float[] basis, int directions, int width) {
    float[] mixed = new float[count * width];
    for (int i = 0; i < mixed.length; i++) {
      mixed[i] = 0.003f * (float) random.nextGaussian();
    }
    for (int i = 0; i < count; i++) {
      for (int direction = 0; direction < directions; direction++) {
        float amount = (float) random.nextGaussian();
        for (int j = 0; j < width; j++) {
          mixed[i * width + j] += amount * basis[direction * width + j];
        }
      }
    }
    return mixed;
  }

  /** What is kept of the rounded rows follows thresholds that are learned. */
  @Test
  void thresholdsMayChangeWhereWeightsDoNot() {
    make(Input.GAUSSIAN);
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(2)) {
      EncoderWeights weights = new EncoderWeights(table(arena), bias, factors, FEATURES, WIDTH);
      ThresholdEncoder plain = new ThresholdEncoder(workers);
      ThresholdEncoder screened = new ThresholdEncoder(workers, PlainInt8Product::new);
      plain.prepare(weights);
      screened.prepare(weights);
      float[] thresholds = new float[FEATURES];
      Arrays.fill(thresholds, 1e6f);
      SparseRows expected = new SparseRows();
      SparseRows found = new SparseRows();
      for (int step = 0; step < 5; step++) {
        thresholds[random.nextInt(FEATURES)] = 1;
        plain.encode(thresholds, tokens, COUNT, expected);
        screened.encode(thresholds, tokens, COUNT, found);
        requireSameBits(expected, found);
        assertThat(found.entries()).isPositive();
        assertThat(screened.screen()).isEqualTo("int8");
      }
    }
  }

  /** One for each feature, above which few scores lie; some take all, some nothing. */
  private float[] thresholds(EncoderWeights weights) {
    float[] thresholds = new float[FEATURES];
    try (Workers workers = Workers.of(1)) {
      ThresholdEncoder all = new ThresholdEncoder(workers);
      SparseRows scores = new SparseRows();
      float[] lowest = new float[FEATURES];
      Arrays.fill(lowest, Float.NEGATIVE_INFINITY);
      all.prepare(weights);
      all.encode(lowest, tokens, COUNT, scores);
      for (int feature = 0; feature < FEATURES; feature++) {
        int token = random.nextInt(COUNT);
        for (int other = 0; other < 20; other++) {
          int candidate = random.nextInt(COUNT);
          if (score(scores, candidate, feature) > score(scores, token, feature)) {
            token = candidate;
          }
        }
        // The score of a token itself, so that equal values are compared, too.
        thresholds[feature] = score(scores, token, feature);
      }
    }
    thresholds[3] = Float.NEGATIVE_INFINITY;
    thresholds[4] = Float.POSITIVE_INFINITY;
    thresholds[5] = 0;
    thresholds[6] = -1e-3f;
    return thresholds;
  }

  private float score(SparseRows scores, int token, int feature) {
    return factors[feature] * scores.values()[scores.offset(token) + feature];
  }

  @Tag("slow")
  @ParameterizedTest
  @EnumSource(Input.class)
  void findsTheSameBitsOfTheWholeBatch(Input input) {
    withEachProduct(
        product -> {
          make(input);
          try (Arena arena = Arena.ofShared();
              Workers workers = Workers.of(2)) {
            MemorySegment table = table(arena);
            EncoderWeights weights = new EncoderWeights(table, bias, factors, FEATURES, WIDTH);
            SparseRows expected = new SparseRows();
            SparseRows found = new SparseRows();
            for (int wanted : new int[] {1, 500, 20 * COUNT}) {
              BatchTopKEncoder screened = new BatchTopKEncoder(workers, () -> product);
              for (int pass = 0; pass < 4; pass++) {
                // The guess of the batch before is now too high by far.
                float size = pass == 2 ? 0.01f : 1;
                float[] batch = tokens.clone();
                for (int i = 0; i < batch.length; i++) {
                  batch[i] *= size;
                }
                BatchTopKEncoder plain = new BatchTopKEncoder(workers);
                plain.prepare(weights);
                screened.prepare(weights);
                float least = plain.encode(batch, COUNT, wanted, expected);
                assertThat(screened.encode(batch, COUNT, wanted, found)).isEqualTo(least);
                requireSameBits(expected, found);
                assertThat(pass != 1 || screened.screen().equals("int8")).isTrue();
                MemorySegment.copy(table, 0, table, 4L * WIDTH * 40, 4L * WIDTH * 100);
              }
            }
          }
        });
  }

  private static void requireSameBits(SparseRows expected, SparseRows found) {
    int entries = expected.entries();
    assertThat(found.entries()).isEqualTo(entries);
    assertThat(Arrays.copyOf(found.offsets(), COUNT + 1))
        .containsExactly(Arrays.copyOf(expected.offsets(), COUNT + 1));
    assertThat(Arrays.copyOf(found.features(), entries))
        .containsExactly(Arrays.copyOf(expected.features(), entries));
    assertThat(Arrays.copyOf(found.values(), entries))
        .containsExactly(Arrays.copyOf(expected.values(), entries));
  }

  private static void requireSameBits(
      TopKEncoder plain, TopKEncoder screened, float[] batch, int count, int k) {
    int[][] features = new int[2][count * k];
    float[][] values = new float[2][count * k];
    int[][] counts = new int[2][count];
    plain.encode(batch, count, k, features[0], values[0], counts[0]);
    screened.encode(batch, count, k, features[1], values[1], counts[1]);
    assertThat(features[1]).containsExactly(features[0]);
    assertThat(values[1]).containsExactly(values[0]);
    assertThat(counts[1]).containsExactly(counts[0]);
  }

  /** Rows that moved are rounded again, also those that moved while float32 was used. */
  @Tag("slow")
  @Test
  void onlyRowsThatMovedNeedBeNamed() {
    make(Input.GAUSSIAN);
    // The same first coordinate in all rows: where a token has a large one, all scores are close.
    for (int i = 0; i < FEATURES; i++) {
      rows[i * WIDTH] = 1;
    }
    int k = 1;
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(2)) {
      MemorySegment table = table(arena);
      EncoderWeights weights = new EncoderWeights(table, bias, factors, FEATURES, WIDTH);
      TopKEncoder screened = new TopKEncoder(workers, PlainInt8Product::new);
      boolean[] moved = null;
      for (int pass = 0; pass < 24; pass++) {
        TopKEncoder plain = new TopKEncoder(workers);
        plain.prepare(weights);
        screened.prepare(weights, moved);
        // Two passes with close scores make int8 too costly for a while.
        float[] batch = tokens.clone();
        for (int i = 0; (pass == 3 || pass == 4) && i < COUNT; i++) {
          batch[i * WIDTH] = 1000;
        }
        requireSameBits(plain, screened, batch, COUNT, k);
        if (pass == 2 || pass == 23) {
          assertThat(screened.screen()).contains("int8");
        }
        if (pass == 5) {
          assertThat(screened.screen()).doesNotContain("int8");
        }
        moved = new boolean[FEATURES];
        for (int i = 0; i < 30; i++) {
          int feature = random.nextInt(FEATURES);
          moved[feature] = true;
          bias[feature] += 0.3f;
          for (int j = 1; j < WIDTH; j++) {
            table.setAtIndex(
                ValueLayout.JAVA_FLOAT,
                (long) feature * WIDTH + j,
                3 * (float) random.nextGaussian());
          }
        }
      }
    }
  }

  @Test
  void theUnitsOfThisProcessorMultiplyExactly() {
    Int8Product units = Int8Units.product();
    assumeTrue(units != null, "no int8 units");
    try (Arena arena = Arena.ofConfined()) {
      for (int count : new int[] {1, 2, 31, 64}) {
        for (int depth : new int[] {4, 68, 384, 1000}) {
          byte[] random = new byte[depth * (count + Int8Product.BLOCK)];
          this.random.nextBytes(random);
          MemorySegment all = arena.allocate(random.length, 64);
          MemorySegment.copy(random, 0, all, ValueLayout.JAVA_BYTE, 0, random.length);
          MemorySegment out = arena.allocate(4L * count * Int8Product.BLOCK, 64);
          MemorySegment expected = arena.allocate(out.byteSize(), 64);
          long block = (long) depth * count;
          units.multiply(all, 0, count, all, block, depth, out);
          units.release();
          new PlainInt8Product().multiply(all, 0, count, all, block, depth, expected);
          assertThat(out.mismatch(expected)).isEqualTo(-1);
        }
      }
    }
  }
}
