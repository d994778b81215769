package io.sluice.training;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.memory.Workers;
import io.sluice.weights.Safetensors;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;

/**
 * Sluice's side of {@code src/test/python/bench_rivals.py}: trains when told on standard input and
 * says on standard output how long it took.
 *
 * <pre>
 * rate ACTIVATIONS FEATURES K BATCH LEARNING-RATE OPTIMISER THREADS
 * check LOSS-CURVE THREADS
 * </pre>
 */
public final class TrainingRate {
  private static final ObjectMapper JSON = new ObjectMapper();

  private TrainingRate() {}

  public static void main(String[] arguments) throws IOException {
    switch (arguments[0]) {
      case "rate" ->
          rate(
              Path.of(arguments[1]),
              Integer.parseInt(arguments[2]),
              Integer.parseInt(arguments[3]),
              Integer.parseInt(arguments[4]),
              Double.parseDouble(arguments[5]),
              Optimiser.ofLabel(arguments[6]),
              Integer.parseInt(arguments[7]));
      case "check" -> {
        try (Workers workers = Workers.of(Integer.parseInt(arguments[2]))) {
          LossCurve.Comparison found =
              LossCurve.load(Path.of(arguments[1])).follow(EngineFactory.vector(workers));
          System.out.println(JSON.writeValueAsString(found));
        }
      }
      default -> throw new IllegalArgumentException("rate or check, not " + arguments[0]);
    }
  }

  private static void rate(
      Path data,
      int features,
      int k,
      int batch,
      double learningRate,
      Optimiser optimiser,
      int threads)
      throws IOException {
    Safetensors file = Safetensors.open(data);
    int rows = (int) file.shape("activations")[0];
    int width = (int) file.shape("activations")[1];
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(threads)) {
      MemorySegment activations = arena.allocate((long) rows * width * Float.BYTES, 64);
      activations.copyFrom(file.data("activations"));
      EngineSpec spec = new EngineSpec(width, width, features, true, false, optimiser);
      try (Engine engine =
          EngineFactory.vector(workers).open(spec, start(arena, activations, rows, spec))) {
        BufferedReader questions =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        long step = 0;
        for (String line = questions.readLine(); line != null; line = questions.readLine()) {
          long end = step + Long.parseLong(line.split(" ")[1]);
          long began = System.nanoTime();
          while (step < end) {
            long first = step % (rows / batch) * batch;
            train(engine, batch(activations, first, batch, width), k, ++step, learningRate);
          }
          double seconds = (System.nanoTime() - began) / 1e9;
          System.out.println(JSON.writeValueAsString(Map.of("seconds", seconds)));
        }
      }
    }
  }

  /** One step, as {@link Trainer} makes it. */
  static double train(Engine engine, Rows batch, int k, long step, double learningRate) {
    engine.encode(batch, new TopK(k));
    double error = engine.decode(batch, true);
    engine.markFired(step * batch.count());
    engine.accumulate();
    engine.update(new AdamStep(step, learningRate, 0.9, 0.999, 1e-8));
    return error / batch.count();
  }

  static Rows batch(MemorySegment activations, long first, int count, int width) {
    long rowBytes = (long) width * Float.BYTES;
    return new Rows(
        activations.asSlice(first * rowBytes, count * rowBytes), DType.F32, count, width);
  }

  /** Random directions, tied, around the mean. */
  private static DictionaryParameters start(
      Arena arena, MemorySegment x, int rows, EngineSpec spec) {
    int width = spec.inputWidth();
    DictionaryParameters start =
        DictionaryParameters.allocate(arena, width, width, spec.features());
    Random random = new Random(0);
    float deviation = (float) (0.1 / Math.sqrt(width));
    for (long i = 0; i < (long) spec.features() * width; i++) {
      float value = deviation * (float) random.nextGaussian();
      start.encoder().setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
      start.decoder().setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
    }
    for (int column = 0; column < width; column++) {
      double sum = 0;
      for (long row = 0; row < rows; row++) {
        sum += x.getAtIndex(ValueLayout.JAVA_FLOAT, row * width + column);
      }
      start.decoderBias().setAtIndex(ValueLayout.JAVA_FLOAT, column, (float) (sum / rows));
    }
    return start;
  }
}
