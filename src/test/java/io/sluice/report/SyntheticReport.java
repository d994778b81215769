package io.sluice.report;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

/** Files as the commands leave them, made up from a seed but shaped like those of a real model. */
public final class SyntheticReport {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private static final int D = 384;
  private static final int HEADS = 12;
  private static final double TAU = 0.99;
  private static final int TOKENS = 122_880;
  private static final int HELD_OUT = 6_144;

  /** How much larger the error is on what was held out. */
  private static final double HELD_OUT_MORE = 1.4;

  /** How fast each kind's spectrum falls: scale over d, and the tail that is left. */
  private enum Kind {
    attn_out(0.115, 2.2e-3),
    mlp_out(0.42, 2e-2),
    resid(0.47, 2e-2),
    z(0.36, 1e-2);

    private final double scale;
    private final double tail;

    Kind(double scale, double tail) {
      this.scale = scale;
      this.tail = tail;
    }
  }

  private SyntheticReport() {}

  /** Writes a spectrum file and four run folders into the folder named by the argument. */
  public static void main(String[] args) throws IOException {
    Path folder = Files.createDirectories(Path.of(args[0]));
    spectrum(folder, args.length > 1 ? Integer.parseInt(args[1]) : 6, 4);
    runs(folder, 5);
  }

  /** Writes {@code spectrum.json} for a model of {@code layers} layers and returns its path. */
  public static Path spectrum(Path folder, int layers, long seed) throws IOException {
    Random random = new Random(seed);
    ObjectNode root = MAPPER.createObjectNode();
    root.put("format", Spectra.FORMAT)
        .put("model", "made-up-6x384")
        .put("text", "made-up.txt")
        .put("tokens", TOKENS)
        .put("tau", TAU)
        .put("dModel", D)
        .put("layers", layers);
    ArrayNode hooks = root.putArray("hooks");
    ArrayNode projections = root.putArray("outputProjections");
    for (int layer = 0; layer < layers; layer++) {
      for (Kind kind : Kind.values()) {
        hook(hooks.addObject(), kind, layer, random);
      }
      projection(projections.addObject(), layer, random);
    }
    Path file = folder.resolve("spectrum.json");
    MAPPER.writeValue(file.toFile(), root);
    return file;
  }

  /** Writes four run folders, random and ASI starts with and without centring. */
  public static List<Path> runs(Path folder, long seed) throws IOException {
    Random random = new Random(seed);
    return List.of(
        run(folder.resolve("random"), "random", "random", false, 0.468, 0.1323, random),
        run(folder.resolve("asi"), "asi", "asi", false, 0.279, 0.1248, random),
        run(
            folder.resolve("random-centred"),
            "random, centred",
            "random",
            true,
            0.029,
            0.1141,
            random),
        run(folder.resolve("asi-centred"), "asi, centred", "asi", true, 0.001, 0.1108, random));
  }

  private static void hook(ObjectNode hook, Kind kind, int layer, Random random) {
    double[] eigenvalues = new double[D];
    double scale = kind.scale * D * (1 + 0.16 * random.nextGaussian() - 0.03 * (layer % 6));
    double total = 0;
    for (int i = 0; i < D; i++) {
      double value = Math.exp(-i / scale) / (1 + 0.25 * i / scale) + kind.tail * (1 - 0.9 * i / D);
      eigenvalues[i] = value * (i == 0 ? 2.2 : 1) * (0.8 + 0.15 * layer);
      total += eigenvalues[i];
    }
    double[] sigma = new double[D];
    double squares = 0;
    for (int i = 0; i < D; i++) {
      sigma[i] = Math.sqrt(TOKENS * eigenvalues[i]);
      squares += eigenvalues[i] * eigenvalues[i];
    }
    int k = dimension(eigenvalues);
    double rank = effectiveRank(sigma);
    hook.put("hook", "layers." + layer + "." + kind)
        .put("kind", kind.name())
        .put("layer", layer)
        .put("width", D)
        .put("tokens", TOKENS)
        .put("intrinsicDimension", k)
        .put("intrinsicDimensionRatio", (double) k / D)
        .put("effectiveRank", rank)
        .put("effectiveRankRatio", rank / D)
        .put("participationRatio", total * total / squares)
        .put("stableRank", total / eigenvalues[0])
        .put("totalVariance", total);
    ArrayNode values = hook.putArray("eigenvalues");
    for (double value : eigenvalues) {
      values.add(value);
    }
  }

  private static void projection(ObjectNode projection, int layer, Random random) {
    double[] sigma = new double[D];
    double[] squares = new double[D];
    double scale = 0.3 * D * (1 + 0.1 * random.nextGaussian());
    for (int i = 0; i < D; i++) {
      sigma[i] = 3 * Math.exp(-i / (2 * scale)) + 0.02;
      squares[i] = sigma[i] * sigma[i];
    }
    projection.put("layer", layer).put("heads", HEADS);
    ArrayNode values = projection.putArray("singularValues");
    for (double value : sigma) {
      values.add(value);
    }
    projection
        .put("intrinsicDimension", dimension(squares))
        .put("effectiveRank", effectiveRank(sigma));
    ArrayNode ranks = projection.putArray("headEffectiveRank");
    double[][] overlap = new double[HEADS][HEADS];
    for (int i = 0; i < HEADS; i++) {
      ranks.add(26 + 4 * random.nextDouble());
      overlap[i][i] = 1;
      for (int j = 0; j < i; j++) {
        double near = Math.exp(-Math.abs(i - j) / 3.0);
        overlap[i][j] = 0.09 + 0.12 * near * random.nextDouble() + 0.03 * random.nextDouble();
        overlap[j][i] = overlap[i][j];
      }
    }
    ArrayNode rows = projection.putArray("headOverlap");
    for (double[] row : overlap) {
      ArrayNode to = rows.addArray();
      for (double value : row) {
        to.add(value);
      }
    }
  }

  private static int dimension(double[] variances) {
    double total = 0;
    for (double v : variances) {
      total += v;
    }
    double sum = 0;
    int k = 0;
    while (sum < TAU * total) {
      sum += variances[k++];
    }
    return k;
  }

  private static double effectiveRank(double[] sigma) {
    double total = 0;
    for (double s : sigma) {
      total += s;
    }
    double entropy = 0;
    for (double s : sigma) {
      entropy -= s / total * Math.log(s / total);
    }
    return Math.exp(entropy);
  }

  /** Writes one run folder with its course and an evaluation. */
  static Path run(
      Path folder,
      String name,
      String start,
      boolean centred,
      double dead,
      double fvu,
      Random random)
      throws IOException {
    Files.createDirectories(folder);
    int steps = 800;
    int batch = 1024;
    long window = 200_000;
    StringBuilder lines = new StringBuilder();
    for (int step = 10; step <= steps; step += 10) {
      double done = (double) step / steps;
      long tokens = (long) step * batch;
      double falling = fvu + (1 - fvu) * Math.exp(-9 * done) * (0.9 + 0.02 * random.nextGaussian());
      double late = Math.max(0, tokens - window) / (double) (steps * batch - window);
      double dying = dead * (1 - Math.exp(-5 * late)) / (1 - Math.exp(-5));
      ObjectNode line = MAPPER.createObjectNode();
      line.put("step", step)
          .put("tokens", tokens)
          .put("loss", 384 * falling)
          .put("fvu", falling)
          .put("l0", 32)
          .put("deadFraction", dying)
          .put("deadWindowTokens", window)
          .put("learningRate", 1e-3)
          .put("tokensPerSecond", 5200 + 200 * random.nextGaussian())
          .put("seconds", tokens / 5200.0);
      if (step % 100 == 0) {
        line.put("heldOutFvu", step == steps ? HELD_OUT_MORE * fvu : HELD_OUT_MORE * falling);
      }
      lines.append(line).append('\n');
    }
    Files.writeString(folder.resolve("metrics.jsonl"), lines);
    ObjectNode run = MAPPER.createObjectNode();
    run.put("format", TrainingRun.FORMAT).put("name", name);
    run.putObject("config")
        .put("hook", "layers.3.attn_out")
        .put("features", 16384)
        .put("k", 32)
        .put("init", start)
        .put("dInit", 0)
        .put("centre", centred)
        .put("optimiser", "sparse-adam")
        .put("learningRate", 1e-3)
        .put("warmupSteps", 50)
        .put("batch", batch)
        .put("steps", steps)
        .put("deadWindowTokens", window)
        .put("seed", 0)
        .put("device", "cpu")
        .put("engine", "torch");
    run.putObject("result")
        .put("steps", steps)
        .put("tokens", steps * batch)
        .put("heldOutFvu", HELD_OUT_MORE * fvu)
        .put("heldOutTokens", HELD_OUT)
        .put("fvu", fvu)
        .put("fvuSteps", 10)
        .put("l0", 32.0)
        .put("deadFraction", dead)
        .put("deadWindowTokens", window)
        .put("loss", 384 * fvu)
        .put("tokensPerSecond", 5180 + random.nextInt(300))
        .put("seconds", 155.0 + random.nextInt(8));
    MAPPER.writeValue(folder.resolve("run.json").toFile(), run);
    evaluation(folder, dead, fvu, random);
    return folder;
  }

  private static void evaluation(Path folder, double dead, double fvu, Random random)
      throws IOException {
    ObjectNode root = MAPPER.createObjectNode();
    root.put("format", TrainingRun.EVALUATION_FORMAT);
    measured(root, "held-out", HELD_OUT, 1.5 * dead, HELD_OUT_MORE * fvu, random);
    measured(root.putObject("trained"), "trained", TOKENS - HELD_OUT, 0.9 * dead, fvu, random);
    MAPPER.writeValue(folder.resolve("evaluation.json").toFile(), root);
  }

  private static void measured(
      ObjectNode root, String rows, int tokens, double dead, double fvu, Random random) {
    root.put("rows", rows)
        .put("tokens", tokens)
        .put("fvu", fvu)
        .put("explainedVariance", 1 - fvu)
        .put("l0", 32.0)
        .put("deadFraction", dead)
        .put("deadWindowTokens", tokens);
    ObjectNode histogram = root.putObject("frequencyHistogram");
    ArrayNode edges = histogram.putArray("log10Edges");
    ArrayNode counts = histogram.putArray("counts");
    double alive = 16384 * (1 - dead);
    for (int i = 0; i <= 24; i++) {
      double edge = -5 + 0.2 * i;
      edges.add(Math.rint(10 * edge) / 10);
      if (i < 24) {
        double from = (edge + 0.1 + 3.1 + 0.5 * dead) / 0.6;
        counts.add(
            Math.round(
                alive * 0.133 * Math.exp(-from * from / 2) * (0.95 + 0.1 * random.nextDouble())));
      }
    }
    histogram.put("neverFired", Math.round(16384 * dead));
  }
}
