package io.sluice.cli;

import io.sluice.engine.AdamStep;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.EngineSpec;
import io.sluice.engine.Optimiser;
import io.sluice.engine.Parameters;
import io.sluice.engine.Rows;
import io.sluice.engine.Selection;
import io.sluice.simd.Workers;
import io.sluice.torch.DType;
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Locale;

/**
 * A whole training step of a TopK autoencoder against the number of its features: the time per
 * feature and token stays the same if the step is linear in them. On the CPU the vector engine
 * trains, on a GPU LibTorch's.
 */
final class StepBenchmark implements Benchmark {
  private static final int WIDTH = 384;
  private static final int BATCHES = 4;
  private static final int K = 32;
  private static final int[] FEATURES = {4096, 16384, 65536, 262144};
  private static final int WARM_UP = 5;

  /** The parts of a step that are timed. */
  private enum Part {
    ENCODE,
    DECODE,
    GRADIENTS,
    UPDATE
  }

  @Override
  public void run(PrintWriter out, Setting setting) {
    Device device = setting.device();
    out.printf(
        Locale.ROOT,
        "training step, %s engine, %s, width %d, k %d, batch %d, float32%n"
            + "%9s %12s %9s %9s %9s %9s %9s %10s %17s%n",
        device.isCuda() ? "torch" : "vector",
        device,
        WIDTH,
        K,
        batch(device),
        "features",
        "optimiser",
        "step ms",
        "encode",
        "decode",
        "gradients",
        "update",
        "tokens/s",
        "ps/feature/token");
    for (Optimiser optimiser : new Optimiser[] {Optimiser.ADAM, Optimiser.SPARSE_ADAM}) {
      for (int features : FEATURES) {
        measure(out, setting, optimiser, features);
        out.flush();
      }
    }
  }

  /** A GPU is not busy with fewer. */
  private static int batch(Device device) {
    return device.isCuda() ? 8192 : 2048;
  }

  private static void measure(PrintWriter out, Setting setting, Optimiser optimiser, int features) {
    Device device = setting.device();
    int batch = batch(device);
    EngineSpec spec = new EngineSpec(WIDTH, WIDTH, features, true, false, optimiser);
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(setting.threads())) {
      MemorySegment tokens = BenchmarkData.attention(arena, BATCHES * batch, WIDTH, setting.seed());
      EngineFactory engines = EngineFactory.named("auto", device, workers);
      try (Engine engine = engines.open(spec, initial(arena, spec, setting))) {
        long[] step = new long[1];
        double[] parts = new double[Part.values().length];
        Runnable whole =
            () -> {
              long bytes = (long) batch * WIDTH * Float.BYTES;
              Rows rows =
                  new Rows(
                      tokens.asSlice(step[0]++ % BATCHES * bytes, bytes),
                      DType.F32,
                      batch,
                      WIDTH,
                      1);
              for (Part part : Part.values()) {
                parts[part.ordinal()] +=
                    setting.seconds(
                        () -> {
                          run(part, engine, rows, step[0]);
                          Torch.synchronize(device);
                        });
              }
            };
        setting.inTurns(WARM_UP, whole);
        Arrays.fill(parts, 0);
        double seconds = setting.inTurns(0, whole)[0];
        out.printf(Locale.ROOT, "%9d %12s %9.1f", features, optimiser.label(), 1e3 * seconds);
        for (double part : parts) {
          out.printf(Locale.ROOT, " %9.1f", 1e3 * part / setting.rounds());
        }
        out.printf(
            Locale.ROOT, " %10.0f %17.1f%n", batch / seconds, 1e12 * seconds / features / batch);
      }
    }
  }

  private static void run(Part part, Engine engine, Rows rows, long step) {
    switch (part) {
      case ENCODE -> engine.encode(rows, new Selection.TopK(K));
      case DECODE -> {
        engine.decode(rows, true);
        engine.markFired(step * rows.count());
      }
      case GRADIENTS -> engine.accumulate();
      case UPDATE -> engine.update(new AdamStep(step, 1e-3, 0.9, 0.999, 1e-8));
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
