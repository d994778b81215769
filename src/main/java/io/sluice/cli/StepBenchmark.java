package io.sluice.cli;

import io.sluice.engine.AdamStep;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineSpec;
import io.sluice.engine.Optimiser;
import io.sluice.engine.Parameters;
import io.sluice.engine.Rows;
import io.sluice.engine.Selection;
import io.sluice.engine.VectorEngine;
import io.sluice.simd.Workers;
import io.sluice.torch.DType;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Locale;

/**
 * A whole training step of a TopK autoencoder against the number of its features: the time per
 * feature and token stays the same if the step is linear in them.
 */
final class StepBenchmark implements Benchmark {
  private static final int WIDTH = 384;
  private static final int BATCH = 2048;
  private static final int BATCHES = 4;
  private static final int K = 32;
  private static final int[] FEATURES = {4096, 16384, 65536, 262144};
  private static final int WARM_UP = 5;

  @Override
  public void run(PrintWriter out, Setting setting) {
    out.printf(
        Locale.ROOT,
        "training step, vector engine, width %d, k %d, batch %d, float32%n"
            + "%9s %12s %10s %10s %10s %18s%n",
        WIDTH,
        K,
        BATCH,
        "features",
        "optimiser",
        "step ms",
        "encode ms",
        "tokens/s",
        "ps/feature/token");
    for (Optimiser optimiser : new Optimiser[] {Optimiser.ADAM, Optimiser.SPARSE_ADAM}) {
      for (int features : FEATURES) {
        measure(out, setting, optimiser, features);
        out.flush();
      }
    }
  }

  private static void measure(PrintWriter out, Setting setting, Optimiser optimiser, int features) {
    EngineSpec spec = new EngineSpec(WIDTH, WIDTH, features, true, false, optimiser);
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(setting.threads())) {
      MemorySegment tokens = BenchmarkData.attention(arena, BATCHES * BATCH, WIDTH, setting.seed());
      try (Engine engine = new VectorEngine(spec, initial(arena, spec, setting), workers)) {
        long[] step = new long[1];
        double[] encode = new double[1];
        Runnable whole =
            () -> {
              long bytes = (long) BATCH * WIDTH * Float.BYTES;
              Rows batch =
                  new Rows(
                      tokens.asSlice(step[0]++ % BATCHES * bytes, bytes),
                      DType.F32,
                      BATCH,
                      WIDTH,
                      1);
              encode[0] += setting.seconds(() -> engine.encode(batch, new Selection.TopK(K)));
              engine.decode(batch, true);
              engine.markFired(step[0] * BATCH);
              engine.accumulate();
              engine.update(new AdamStep(step[0], 1e-3, 0.9, 0.999, 1e-8));
            };
        setting.inTurns(WARM_UP, whole);
        encode[0] = 0;
        double seconds = setting.inTurns(0, whole)[0];
        out.printf(
            Locale.ROOT,
            "%9d %12s %10.1f %10.1f %10.0f %18.1f%n",
            features,
            optimiser.name().toLowerCase(Locale.ROOT).replace('_', '-'),
            1e3 * seconds,
            1e3 * encode[0] / setting.rounds(),
            BATCH / seconds,
            1e12 * seconds / features / BATCH);
      }
    }
  }

  private static Parameters initial(Arena arena, EngineSpec spec, Setting setting) {
    Parameters start = Parameters.allocate(arena, WIDTH, WIDTH, spec.features());
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment rows =
          BenchmarkData.active(scratch, spec.features(), WIDTH, setting.seed() + 1);
      start.encoder().copyFrom(rows);
      start.decoder().copyFrom(rows);
    }
    return start;
  }
}
