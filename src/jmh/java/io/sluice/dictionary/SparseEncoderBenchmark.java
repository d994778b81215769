package io.sluice.dictionary;

import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.DictionaryParameters;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One vector at a time through a {@link SparseEncoder}: latencies as a distribution, and what is
 * allocated with {@code -prof gc}.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
public class SparseEncoderBenchmark {
  private static final int K = 32;
  private static final int VECTORS = 64;

  @Param({"768"})
  private int width;

  @Param({"24576"})
  private int features;

  @Param({"FLOAT32", "BFLOAT16", "INT8"})
  private SparseEncoder.Weights weights;

  private SparseEncoder encoder;
  private final float[][] vectors = new float[VECTORS][];
  private final int[] active = new int[K];
  private final float[] values = new float[K];
  private int next;

  @Setup
  public void load() {
    SplittableRandom random = new SplittableRandom(1);
    try (Arena arena = Arena.ofConfined()) {
      DictionaryParameters parameters =
          DictionaryParameters.allocate(arena, width, width, features);
      for (long i = 0; i < (long) features * width; i++) {
        parameters
            .encoder()
            .setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (random.nextDouble() - 0.5));
      }
      encoder =
          SparseEncoder.of(
              new Dictionary(
                  new DictionaryConfig(
                      "", "h", "h", width, width, features, new TopK(K), false, false),
                  parameters),
              weights);
    }
    for (int v = 0; v < VECTORS; v++) {
      vectors[v] = new float[width];
      for (int i = 0; i < width; i++) {
        vectors[v][i] = (float) (random.nextDouble() - 0.5);
      }
    }
  }

  /** A new vector at every call. */
  @Benchmark
  public int encode() {
    next = (next + 1) % VECTORS;
    return encoder.encode(vectors[next], active, values);
  }
}
