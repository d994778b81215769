package io.sluice.bench;

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
import io.sluice.torch.Device;
import io.sluice.torch.Torch;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A whole training step of a TopK autoencoder against the number of its features: the time per
 * feature and token stays the same if the step is linear in them. Unless an engine is named, the
 * vector engine trains on the CPU, and LibTorch's on a GPU.
 */
public final class StepBenchmark implements Benchmark {
  private static final int BATCHES = 4;
  private static final int K = 32;
  private static final int WARM_UP = 5;

  /**
   * What is trained.
   *
   * @param width of the activations
   * @param features of the dictionary
   * @param batch tokens per step
   */
  public record Shape(int width, int features, int batch) {
    private static final Pattern TEXT = Pattern.compile("(\\d{1,9})x(\\d{1,9})x(\\d{1,9})");

    /** Reads {@code WIDTHxFEATURESxBATCH}. */
    public static Shape parse(String text) {
      Matcher matcher = TEXT.matcher(text);
      if (!matcher.matches()) {
        throw new IllegalArgumentException(
            "'"
                + text
                + "' is not a shape; write WIDTHxFEATURESxBATCH, for instance 768x24576x2048");
      }
      Shape shape =
          new Shape(
              Integer.parseInt(matcher.group(1)),
              Integer.parseInt(matcher.group(2)),
              Integer.parseInt(matcher.group(3)));
      if (shape.width < 1 || shape.features < K || shape.batch < 1) {
        throw new IllegalArgumentException(
            "'%s' is too small; it takes a width and a batch of at least 1 and %d features"
                .formatted(text, K));
      }
      return shape;
    }
  }

  private static final List<Shape> ON_CPU =
      List.of(
          new Shape(384, 4096, 2048),
          new Shape(384, 16384, 2048),
          new Shape(384, 65536, 2048),
          new Shape(384, 262144, 2048));

  private static final List<Shape> ON_GPU =
      List.of(
          new Shape(768, 24576, 2048),
          new Shape(768, 24576, 8192),
          new Shape(4096, 65536, 2048),
          new Shape(4096, 262144, 2048));

  /**
   * How it is trained.
   *
   * @param engine as {@link EngineFactory#named}
   * @param precision element type of the encoder's product
   * @param moments element type of Adam's moments
   */
  public record Arithmetic(String engine, DType precision, DType moments) {
    public Arithmetic {
      EngineSpec.requirePrecision(precision);
      EngineSpec.requireMoments(moments);
    }
  }

  private final List<Shape> shapes;
  private final Arithmetic arithmetic;

  /** Measures the default shapes of a device, or the given ones. */
  public StepBenchmark(List<Shape> shapes, Arithmetic arithmetic) {
    this.shapes = List.copyOf(shapes);
    this.arithmetic = arithmetic;
  }

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
        "training step, %s engine, %s, k %d, products in %s, moments in %s%n"
            + "%5s %9s %6s %12s %9s %9s %9s %9s %9s %10s %17s%n",
        arithmetic.engine.equals("auto") ? device.isCuda() ? "torch" : "vector" : arithmetic.engine,
        device,
        K,
        arithmetic.precision.label(),
        arithmetic.moments.label(),
        "width",
        "features",
        "batch",
        "optimiser",
        "step ms",
        "encode",
        "decode",
        "gradients",
        "update",
        "tokens/s",
        "ps/feature/token");
    for (Optimiser optimiser : new Optimiser[] {Optimiser.ADAM, Optimiser.SPARSE_ADAM}) {
      for (Shape shape : shapes.isEmpty() ? device.isCuda() ? ON_GPU : ON_CPU : shapes) {
        measure(setting, optimiser, shape).print(out);
        out.flush();
      }
    }
  }

  /**
   * Results for one optimiser and one shape.
   *
   * @param seconds of a step
   * @param parts seconds of each part, by its ordinal
   */
  private record Measured(Optimiser optimiser, Shape shape, double seconds, double[] parts) {
    void print(PrintWriter out) {
      out.printf(
          Locale.ROOT,
          "%5d %9d %6d %12s %9.2f",
          shape.width(),
          shape.features(),
          shape.batch(),
          optimiser.label(),
          1e3 * seconds);
      for (double part : parts) {
        out.printf(Locale.ROOT, " %9.2f", 1e3 * part);
      }
      out.printf(
          Locale.ROOT,
          " %10.0f %17.1f%n",
          shape.batch() / seconds,
          1e12 * seconds / shape.features() / shape.batch());
    }
  }

  private Measured measure(Setting setting, Optimiser optimiser, Shape shape) {
    Device device = setting.device();
    int batch = shape.batch();
    int width = shape.width();
    int features = shape.features();
    EngineSpec spec =
        new EngineSpec(width, width, features, true, false, optimiser)
            .withPrecision(arithmetic.precision)
            .withMoments(arithmetic.moments);
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(setting.threads())) {
      MemorySegment tokens = BenchmarkData.attention(arena, BATCHES * batch, width, setting.seed());
      EngineFactory engines = EngineFactory.named(arithmetic.engine, device, workers);
      try (Engine engine = open(engines, spec, setting);
          Batches batches = new Batches(tokens, shape, engine, engines.wantsBatchesAhead())) {
        long[] step = new long[1];
        double[] parts = new double[Part.values().length];
        Runnable inParts =
            () -> {
              Rows rows = batches.next();
              step[0]++;
              for (Part part : Part.values()) {
                parts[part.ordinal()] +=
                    setting.seconds(
                        () -> {
                          run(part, engine, rows, step[0]);
                          Torch.synchronize(device);
                        });
              }
            };
        Runnable whole =
            () -> {
              Rows rows = batches.next();
              step[0]++;
              for (Part part : Part.values()) {
                run(part, engine, rows, step[0]);
              }
            };
        warmUp(inParts, device, setting.rounds());
        Arrays.fill(parts, 0);
        double separate = setting.inTurns(0, inParts)[0];
        // A GPU computes a step after the calls return, so the parts must be synchronised and take
        // longer than within a step.
        double seconds = device.isCuda() ? together(setting, whole, engine, device) : separate;
        double[] means = Arrays.stream(parts).map(part -> part / setting.rounds()).toArray();
        return new Measured(optimiser, shape, seconds, means);
      }
    }
  }

  /**
   * Until C2 has compiled the kernels: a second for each round, three at most. On a GPU the host's
   * code, which says what is done there, takes longer.
   */
  private static void warmUp(Runnable step, Device device, int rounds) {
    long seconds = device.isCuda() ? 6 : Math.min(3, rounds);
    long end = System.nanoTime() + seconds * 1_000_000_000L;
    for (int i = 0; i < WARM_UP || System.nanoTime() < end; i++) {
      step.run();
    }
  }

  private static double together(Setting setting, Runnable whole, Engine engine, Device device) {
    return setting.seconds(
            () -> {
              for (int round = 0; round < setting.rounds(); round++) {
                whole.run();
              }
              engine.takeResults();
              Torch.synchronize(device);
            })
        / setting.rounds();
  }

  /** The batches in turn; as in training, another thread prepares the next one if it is wanted. */
  private static final class Batches implements AutoCloseable {
    private final MemorySegment tokens;
    private final Shape shape;
    private final Engine engine;

    /** Null where batches are not prepared. */
    private final ExecutorService reader;

    private Future<Rows> prepared;
    private long step;

    Batches(MemorySegment tokens, Shape shape, Engine engine, boolean ahead) {
      this.tokens = tokens;
      this.shape = shape;
      this.engine = engine;
      this.reader = ahead ? Executors.newSingleThreadExecutor() : null;
      this.prepared = ahead ? reader.submit(this::prepare) : null;
    }

    Rows next() {
      if (reader == null) {
        return read();
      }
      try {
        Rows rows = prepared.get();
        prepared = reader.submit(this::prepare);
        return rows;
      } catch (ExecutionException | InterruptedException e) {
        throw new IllegalStateException("the next batch could not be prepared", e);
      }
    }

    private Rows prepare() {
      Rows rows = read();
      engine.prepare(rows, rows);
      return rows;
    }

    private Rows read() {
      long bytes = (long) shape.batch() * shape.width() * Float.BYTES;
      MemorySegment memory = tokens.asSlice(step++ % BATCHES * bytes, bytes);
      return new Rows(memory, DType.F32, shape.batch(), shape.width(), 1);
    }

    @Override
    public void close() {
      if (reader != null) {
        reader.close();
      }
    }
  }

  /** An engine whose starting weights are not kept. */
  private static Engine open(EngineFactory engines, EngineSpec spec, Setting setting) {
    try (Arena arena = Arena.ofShared()) {
      return engines.open(spec, initial(arena, spec, setting));
    }
  }

  private static void run(Part part, Engine engine, Rows rows, long step) {
    switch (part) {
      case ENCODE -> engine.encode(rows, new TopK(K));
      case DECODE -> {
        engine.decodeForTraining(rows);
        engine.markFired(step * rows.count());
      }
      case GRADIENTS -> engine.accumulate();
      case UPDATE -> engine.update(new AdamStep(step, 1e-3, 0.9, 0.999, 1e-8));
    }
  }

  private static DictionaryParameters initial(Arena arena, EngineSpec spec, Setting setting) {
    MemorySegment rows =
        BenchmarkData.active(arena, spec.features(), spec.inputWidth(), setting.seed() + 1);
    return new DictionaryParameters(
        spec.inputWidth(),
        spec.outputWidth(),
        spec.features(),
        rows,
        arena.allocate((long) spec.features() * Float.BYTES, 64),
        rows,
        arena.allocate((long) spec.outputWidth() * Float.BYTES, 64));
  }
}
