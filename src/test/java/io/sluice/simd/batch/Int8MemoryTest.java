package io.sluice.simd.batch;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.memory.HugeMemory;
import io.sluice.memory.Workers;
import io.sluice.simd.int8.PlainInt8Product;
import io.sluice.testing.HeldMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What bounds from int8 need of memory: a quarter of the weights, and little for each row. */
@Tag("slow")
class Int8MemoryTest {
  private static final int TOKENS = 2;
  private static final int K = 8;
  private static final int THREADS = 2;

  /** Six numbers of a row, from which its bound is computed. */
  private static final int BYTES_OF_A_ROW = 24;

  @ParameterizedTest
  @CsvSource({"16384, 384", "24576, 768", "1048576, 576"})
  void takesAQuarterOfTheWeightsAnd24BytesOfARow(int features, int width) {
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(THREADS)) {
      MemorySegment rows = HugeMemory.allocate((long) features * width * Float.BYTES, arena);
      float[] factors = new float[features];
      Arrays.fill(factors, 1);
      EncoderWeights weights =
          new EncoderWeights(rows, new float[features], factors, features, width);
      long without = held(new TopKEncoder(workers, () -> null), weights, "none", workers);
      long with = held(new TopKEncoder(workers, PlainInt8Product::new), weights, "int8", workers);
      long quarter = (long) features * width;
      long ofRows = (long) BYTES_OF_A_ROW * features;
      // What each thread rounds with; what it needs without int8 may be more.
      long scratch = 1 << 20;
      assertThat(with - without).isBetween(quarter + ofRows - scratch, quarter + ofRows + scratch);
    }
  }

  private static long held(
      TopKEncoder encoder, EncoderWeights weights, String screen, Workers workers) {
    encoder.prepare(weights);
    float[] tokens = new float[TOKENS * weights.width()];
    Arrays.fill(tokens, 1);
    encoder.encode(tokens, TOKENS, K, new int[TOKENS * K], new float[TOKENS * K], new int[TOKENS]);
    assertThat(encoder.screen()).isEqualTo(screen);
    return HeldMemory.of(
        encoder, workers, weights, weights.rows(), weights.bias(), weights.factors());
  }
}
