package io.sluice.bench;

import io.sluice.dictionary.Dictionary;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.SparseEncoder;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.DictionaryParameters;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * Encoding of one vector, or a few, on one thread, against the time that reading the float32
 * weights once takes. Of several ways to read memory, the fastest on this machine counts.
 */
public final class SingleEncodeBenchmark implements Benchmark {
  private static final int WIDTH = 768;
  private static final int FEATURES = 24576;
  private static final int K = 32;
  private static final int VECTORS = 64;
  private static final int BATCH = 4;
  private static final int WARM_UP = 60;
  private static final int ROUNDS = 20;

  /** Receives results, so that the compiler cannot remove the reading. */
  private float sink;

  @Override
  public void run(PrintWriter out, Setting setting) {
    Setting own =
        new Setting(
            setting.rounds() * ROUNDS, 1, setting.calls(), setting.device(), setting.seed());
    try (Arena arena = Arena.ofShared()) {
      Dictionary dictionary = dictionary(arena, setting.seed());
      float[][] vectors = vectors(setting.seed());
      float[] batch = new float[BATCH * WIDTH];
      for (int v = 0; v < BATCH; v++) {
        System.arraycopy(vectors[v], 0, batch, v * WIDTH, WIDTH);
      }
      int[] features = new int[BATCH * K];
      float[] values = new float[BATCH * K];
      int[] counts = new int[BATCH];
      int[] next = new int[1];
      List<String> names = new ArrayList<>();
      List<Runnable> calls = new ArrayList<>();
      MemorySegment weights = MemoryRead.allocate(dictionary.parameters().encoder().byteSize());
      for (int streams : MemoryRead.streams()) {
        names.add("read");
        calls.add(() -> sink += MemoryRead.sum(weights, streams));
      }
      for (SparseEncoder.Weights kind : SparseEncoder.Weights.values()) {
        SparseEncoder encoder = SparseEncoder.of(dictionary, kind);
        String name = kind.name().toLowerCase(Locale.ROOT);
        names.add(name);
        calls.add(() -> encoder.encode(vectors[next[0]++ % VECTORS], features, values));
        names.add(name + " x" + BATCH);
        calls.add(() -> encoder.encode(batch, features, values, counts));
      }
      double[][] seconds = own.allInTurns(WARM_UP, calls);
      Reading reading = reading(seconds);
      List<Encoding> encodings = encodings(names, seconds, reading);
      List<Latencies> latencies = latencies(names, calls, setting.calls());
      print(out, reading, encodings);
      print(out, latencies, setting.calls());
    }
  }

  /**
   * Reading the float32 weights once.
   *
   * @param streams of the fastest way
   * @param seconds of the fastest way
   * @param inOneStream seconds in the first way
   */
  private record Reading(int streams, double seconds, double inOneStream) {}

  /**
   * One way to encode.
   *
   * @param name of the weights, with the number of vectors where there are several
   * @param seconds the median
   * @param ofReading {@code seconds} in units of the fastest reading
   * @param ofFloat32 {@code seconds} in units of one vector with float32 weights
   * @param spread the 99th percentile in units of the median
   */
  private record Encoding(
      String name, double seconds, double ofReading, double ofFloat32, double spread) {
    void print(PrintWriter out) {
      out.printf(
          Locale.ROOT,
          "%-12s %10.2f %10.2f %14.2f %12.2f%n",
          name,
          1e3 * seconds,
          ofReading,
          ofFloat32,
          spread);
    }
  }

  /** The fastest of the ways to read, which are measured first. */
  private static Reading reading(double[][] seconds) {
    int[] streams = MemoryRead.streams();
    int fastest = 0;
    for (int i = 1; i < streams.length; i++) {
      if (Benchmark.median(seconds[i]) < Benchmark.median(seconds[fastest])) {
        fastest = i;
      }
    }
    return new Reading(
        streams[fastest], Benchmark.median(seconds[fastest]), Benchmark.median(seconds[0]));
  }

  private static List<Encoding> encodings(List<String> names, double[][] seconds, Reading reading) {
    double float32 = Benchmark.median(seconds[names.indexOf("float32")]);
    List<Encoding> measured = new ArrayList<>();
    for (int i = MemoryRead.streams().length; i < names.size(); i++) {
      double median = Benchmark.median(seconds[i]);
      double[] sorted = seconds[i].clone();
      Arrays.sort(sorted);
      measured.add(
          new Encoding(
              names.get(i),
              median,
              median / reading.seconds(),
              median / float32,
              quantile(sorted, 0.99) / median));
    }
    return measured;
  }

  private static void print(PrintWriter out, Reading reading, List<Encoding> encodings) {
    double bytes = (double) WIDTH * FEATURES * Float.BYTES;
    out.printf(
        Locale.ROOT,
        "encode one vector or a few, width %d, %d features, k %d, one thread's processor time%n"
            + "reading %.1f MB of float32 weights: %.2f ms, %.1f GB/s in %d streams (%.1f in one)%n"
            + "%-12s %10s %10s %14s %12s%n",
        WIDTH,
        FEATURES,
        K,
        bytes / 1e6,
        1e3 * reading.seconds(),
        bytes / reading.seconds() / 1e9,
        reading.streams(),
        bytes / reading.inOneStream() / 1e9,
        "weights",
        "ms",
        "of reading",
        "of float32",
        "p99/median");
    encodings.forEach(one -> one.print(out));
  }

  /**
   * The durations of single calls.
   *
   * @param name of the weights
   * @param seconds of each call, ascending
   */
  private record Latencies(String name, double[] seconds) {
    void print(PrintWriter out) {
      double median = Benchmark.median(seconds);
      out.printf(
          Locale.ROOT,
          "%-12s %10.2f %10.2f %10.2f %10.2f %12.2f%n",
          name,
          1e3 * median,
          1e3 * quantile(seconds, 0.99),
          1e3 * quantile(seconds, 0.999),
          1e3 * seconds[seconds.length - 1],
          quantile(seconds, 0.99) / median);
    }
  }

  private static void print(PrintWriter out, List<Latencies> measured, int count) {
    out.printf(
        Locale.ROOT,
        "%,d calls one after the other, by the clock, in ms%n%-12s %10s %10s %10s %10s %12s%n",
        count,
        "weights",
        "median",
        "p99",
        "p99.9",
        "longest",
        "p99/median");
    measured.forEach(one -> one.print(out));
  }

  /** Times one call after the other, as a service makes them, in elapsed time. */
  private static List<Latencies> latencies(List<String> names, List<Runnable> calls, int count) {
    List<Latencies> measured = new ArrayList<>();
    for (int call = 0; call < names.size(); call++) {
      if (names.get(call).equals("read") || names.get(call).contains(" ")) {
        continue;
      }
      double[] seconds = new double[count];
      for (int i = 0; i < count; i++) {
        long start = System.nanoTime();
        calls.get(call).run();
        seconds[i] = (System.nanoTime() - start) / 1e9;
      }
      Arrays.sort(seconds);
      measured.add(new Latencies(names.get(call), seconds));
    }
    return measured;
  }

  private static double quantile(double[] sorted, double share) {
    return sorted[(int) Math.ceil(share * sorted.length) - 1];
  }

  /** Feature directions of one length, as trained ones are, and no two alike. */
  private static Dictionary dictionary(Arena arena, long seed) {
    DictionaryParameters parameters = DictionaryParameters.allocate(arena, WIDTH, WIDTH, FEATURES);
    parameters.encoder().copyFrom(BenchmarkData.uniform(arena, (long) FEATURES * WIDTH, seed));
    return new Dictionary(
        new DictionaryConfig(
            "", "random", "random", WIDTH, WIDTH, FEATURES, new TopK(K), false, false),
        parameters);
  }

  private static float[][] vectors(long seed) {
    SplittableRandom random = new SplittableRandom(seed + 1);
    float[][] vectors = new float[VECTORS][WIDTH];
    for (float[] vector : vectors) {
      for (int i = 0; i < WIDTH; i++) {
        vector[i] = (float) (random.nextDouble() - 0.5);
      }
    }
    return vectors;
  }
}
