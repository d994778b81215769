package io.sluice.simd.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.memory.Workers;
import io.sluice.simd.NonFiniteException;
import io.sluice.testing.Seeds;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Both threshold passes find exactly what comparing every pre-activation finds. */
@Tag("slow")
class ThresholdEncoderTest {
  private static final long SEED = Seeds.seed();

  private final Random random = new Random(SEED);

  /** One code of a batch. */
  private record Code(int token, int feature, float value, float score) {}

  /** A problem of small whole numbers: sums are exact in any order and many values are equal. */
  private final class Problem {
    final int width = 1 + random.nextInt(40);
    final int features = 1 + random.nextInt(random.nextInt(8) == 0 ? 2000 : 200);
    final int count = 1 + random.nextInt(200);
    final float[] weights = wholes(features * width, 2);
    final float[] bias = wholes(features, 3);
    final float[] factors = new float[features];
    final float[] tokens = wholes(count * width, 2);

    Problem() {
      for (int feature = 0; feature < features; feature++) {
        factors[feature] = 1 + random.nextInt(3);
      }
    }

    List<Code> positive() {
      return all().stream().filter(code -> code.value > 0).toList();
    }

    List<Code> all() {
      List<Code> codes = new ArrayList<>();
      for (int token = 0; token < count; token++) {
        for (int feature = 0; feature < features; feature++) {
          float sum = bias[feature];
          for (int i = 0; i < width; i++) {
            sum += weights[feature * width + i] * tokens[token * width + i];
          }
          codes.add(new Code(token, feature, sum, sum * factors[feature]));
        }
      }
      return codes;
    }

    EncoderWeights weights(Arena arena) {
      MemorySegment rows = arena.allocate(weights.length * 4L, 64);
      return new EncoderWeights(
          rows.copyFrom(MemorySegment.ofArray(weights)), bias, factors, features, width);
    }
  }

  private float[] wholes(int count, int bound) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = random.nextInt(2 * bound + 1) - bound;
    }
    return values;
  }

  private static List<Code> read(SparseRows rows, float[] factors) {
    List<Code> codes = new ArrayList<>();
    for (int row = 0; row < rows.rows(); row++) {
      for (int entry = rows.offset(row); entry < rows.offset(row + 1); entry++) {
        int feature = rows.features()[entry];
        float value = rows.values()[entry];
        codes.add(new Code(row, feature, value, value * factors[feature]));
      }
    }
    return codes;
  }

  @Test
  void keepsWhatIsAboveItsThreshold() {
    for (SparseKernels kernels : SparseKernels.everyWidth()) {
      SparseRows out = new SparseRows();
      for (int trial = 0; trial < 12; trial++) {
        Problem problem = new Problem();
        float[] thresholds = wholes(problem.features, 9);
        try (Arena arena = Arena.ofShared();
            Workers workers = Workers.of(1 + random.nextInt(3))) {
          ThresholdEncoder encoder = new ThresholdEncoder(kernels, workers, () -> null);
          encoder.prepare(problem.weights(arena));
          for (int round = 0; round < 2; round++) {
            encoder.encode(thresholds, problem.tokens, problem.count, out);
          }
          List<Code> expected =
              problem.all().stream().filter(code -> code.score > thresholds[code.feature]).toList();
          assertThat(read(out, problem.factors)).isEqualTo(expected);
        }
      }
    }
  }

  @Test
  void keepsTheLargestOfTheBatchWithTiesToTheFirst() {
    Comparator<Code> order = Comparator.comparing(code -> -code.score);
    for (SparseKernels kernels : SparseKernels.everyWidth()) {
      SparseRows out = new SparseRows();
      for (int trial = 0; trial < 12; trial++) {
        Problem problem = new Problem();
        int wanted = 1 + random.nextInt(problem.count * Math.min(20, problem.features));
        List<Code> expected =
            problem.positive().stream()
                .sorted(order)
                .limit(wanted)
                .sorted(Comparator.comparing(Code::token).thenComparing(Code::feature))
                .toList();
        for (int threads = 1; threads <= 3; threads++) {
          try (Arena arena = Arena.ofShared();
              Workers workers = Workers.of(threads)) {
            BatchTopKEncoder encoder = new BatchTopKEncoder(kernels, workers, () -> null);
            encoder.prepare(problem.weights(arena));
            for (int round = 0; round < 2; round++) {
              encoder.encode(problem.tokens, problem.count, wanted, out);
            }
            assertThat(read(out, problem.factors)).isEqualTo(expected);
          }
        }
      }
    }
  }

  @Test
  void theRunningThresholdLosesNothing() {
    int width = 8;
    int features = 6000;
    int count = 300;
    float[] weights = gaussians(features * width);
    float[] bias = gaussians(features);
    float[] factors = new float[features];
    Arrays.fill(factors, 1);
    float[] tokens = gaussians(count * width);
    SparseRows all = new SparseRows();
    SparseRows largest = new SparseRows();
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(2)) {
      MemorySegment rows = arena.allocate(weights.length * 4L, 64);
      rows.copyFrom(MemorySegment.ofArray(weights));
      EncoderWeights encoder = new EncoderWeights(rows, bias, factors, features, width);
      ThresholdEncoder above = new ThresholdEncoder(workers);
      above.prepare(encoder);
      above.encode(new float[features], tokens, count, all);
      int wanted = 32 * count;
      BatchTopKEncoder batch = new BatchTopKEncoder(workers);
      batch.prepare(encoder);
      batch.encode(tokens, count, wanted, largest);
      List<Code> expected =
          read(all, factors).stream()
              .sorted(Comparator.comparing(code -> -code.score))
              .limit(wanted)
              .sorted(Comparator.comparing(Code::token).thenComparing(Code::feature))
              .toList();
      assertThat(read(largest, factors)).isEqualTo(expected);
    }
  }

  @Test
  void valuesThatAreNotFiniteAreNamedByRowAndColumn() {
    try (Arena arena = Arena.ofShared()) {
      EncoderWeights weights =
          new EncoderWeights(arena.allocate(16), new float[2], new float[] {1, 1}, 2, 2);
      ThresholdEncoder encoder = new ThresholdEncoder(Workers.allCores());
      encoder.prepare(weights);
      float[] tokens = {1, 2, 3, Float.NaN};
      assertThatThrownBy(() -> encoder.encode(new float[2], tokens, 2, new SparseRows()))
          .isInstanceOf(NonFiniteException.class)
          .hasMessageContaining("row 1, column 1");
    }
  }

  private float[] gaussians(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
