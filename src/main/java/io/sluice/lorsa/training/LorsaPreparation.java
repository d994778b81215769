package io.sluice.lorsa.training;

import io.sluice.lorsa.ContextFeed;
import io.sluice.lorsa.engine.LorsaBatch;
import io.sluice.lorsa.engine.LorsaEngine;
import io.sluice.lorsa.engine.LorsaSpec;
import io.sluice.lorsa.engine.LorsaTensor;
import io.sluice.lorsa.engine.LorsaWeights;
import io.sluice.memory.DType;
import io.sluice.model.LayerAttention;
import io.sluice.store.Contexts;
import io.sluice.torch.Device;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.training.config.InitialDirections;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Makes the engine that training starts from.
 *
 * <p>Queries and keys are the model's. With a random start, values and outputs have random
 * directions. With active-subspace initialisation (arXiv 2508.16929), a head of a group that starts
 * from the model's head {@code j} writes in a direction {@code w_O} drawn within the active
 * subspace of what {@code j} contributes, and reads {@code w_V = (W_O^j·W_V^j)ᵀ·w_O}: its
 * activation is {@code ⟨w_O, c_j(t)⟩}, as an autoencoder's encoder starts as the transpose of its
 * decoder. Then value biases make mean activations 0, and all vectors get one common norm. The
 * output is proportional to the square of that norm, and the selection of heads does not depend on
 * it, so the best norm follows from a quotient of two sums.
 */
final class LorsaPreparation {
  private static final int BATCH_TOKENS = 2048;

  /** The least share of the target's norm that is written at first, if no norm helps. */
  private static final double LEAST = 0.01;

  private final LorsaTrainingConfig config;
  private final LayerAttention attention;
  private final ContextFeed feed;
  private final Device device;
  private final List<int[]> sample;

  LorsaPreparation(
      LorsaTrainingConfig config, LayerAttention attention, ContextFeed feed, Device device) {
    this.config = config;
    this.attention = attention;
    this.feed = feed;
    this.device = device;
    this.sample = sample(feed.contexts(), config);
  }

  /** An engine at its start, and what led there. */
  record Prepared(LorsaEngine engine, LorsaStartingPoint start) {}

  /** What one pass over the sample gives: mean norms, the target's mean and variance. */
  private record Moments(
      long tokens, double inputNorm, double targetNorm, double[] mean, double variance) {}

  Prepared prepare() throws IOException {
    requireOwn(attention.query().weight().size(1), "reads", feed.inputWidth(), config.inputHook());
    requireOwn(
        attention.output().weight().size(0), "writes", feed.targetWidth(), config.outputHook());
    int groups = config.groups() == 0 ? attention.heads() : config.groups();
    LorsaSpec spec =
        Queries.spec(
            attention,
            feed.inputWidth(),
            feed.targetWidth(),
            config.heads(),
            groups,
            config.k(),
            config.scoreByOutputNorm());
    LorsaMemory.require(spec, device);
    try (Arena arena = Arena.ofConfined();
        TensorScope scope = TensorScope.open()) {
      Moments moments = moments();
      double inputScale =
          config.normalise() ? Math.sqrt(spec.inputWidth()) / moments.inputNorm() : 1;
      double targetScale =
          config.normalise() ? Math.sqrt(spec.outputWidth()) / moments.targetNorm() : 1;
      LorsaWeights weights = LorsaWeights.allocate(arena, spec);
      Queries.write(attention, weights, inputScale);
      List<Integer> dimensions = directions(weights, targetScale / inputScale);
      if (config.centre()) {
        centre(weights, moments, inputScale, targetScale);
      }
      double norm = rescale(weights, inputScale, targetScale);
      return new Prepared(
          LorsaEngine.training(weights, device),
          new LorsaStartingPoint(
              inputScale,
              targetScale,
              targetScale * targetScale * moments.variance(),
              dimensions,
              norm,
              moments.tokens()));
    }
  }

  /** Contexts in batches, until there are enough tokens that count, or none are left. */
  private static List<int[]> sample(Contexts contexts, LorsaTrainingConfig config) {
    int each = Math.clamp(BATCH_TOKENS / contexts.longest(), 1, contexts.count());
    List<int[]> batches = new ArrayList<>();
    long tokens = 0;
    // The seed itself determines the order of training; this order differs from it.
    for (int done = 0; done < contexts.count() && tokens < config.sampleTokens(); ) {
      int[] chosen = contexts.shuffled(~config.seed(), batches.size(), each);
      int left = Math.min(each, contexts.count() - done);
      chosen = Arrays.copyOf(chosen, left);
      for (int context : chosen) {
        tokens += Math.max(0, contexts.length(context) - config.fromPosition());
      }
      batches.add(chosen);
      done += left;
    }
    return batches;
  }

  private Moments moments() throws IOException {
    double inputNorms = 0;
    double targetNorms = 0;
    double squares = 0;
    double[] sums = new double[feed.targetWidth()];
    long tokens = 0;
    for (int[] contexts : sample) {
      try (TensorScope scope = TensorScope.open()) {
        LorsaBatch batch = feed.batch(contexts, 1, 1);
        Tensor input = counted(batch, batch.input());
        Tensor target = counted(batch, batch.target());
        if (input == null) {
          continue;
        }
        inputNorms += input.square().sum(false, 1).sqrt().sum().item();
        Tensor targetSquares = target.square().sum(false, 1);
        targetNorms += targetSquares.sqrt().sum().item();
        squares += targetSquares.sum().item();
        double[] part = target.sum(false, 0).toDoubles();
        for (int i = 0; i < sums.length; i++) {
          sums[i] += part[i];
        }
        tokens += batch.tokens();
      }
    }
    if (tokens == 0) {
      throw new IOException(
          "%s: no context has a token at position %d or later; start at an earlier one"
              .formatted(feed.contexts().store().place(), config.fromPosition()));
    }
    double meanSquare = 0;
    for (int i = 0; i < sums.length; i++) {
      sums[i] /= tokens;
      meanSquare += sums[i] * sums[i];
    }
    Moments moments =
        new Moments(
            tokens, inputNorms / tokens, targetNorms / tokens, sums, squares / tokens - meanSquare);
    if (!(moments.inputNorm() > 0 && moments.variance() > 0)) {
      throw new IOException(
          "%s: column '%s' or '%s' holds the same vector in all rows"
              .formatted(feed.contexts().store().place(), config.inputHook(), config.outputHook()));
    }
    return moments;
  }

  /** The rows that count in float64, or null if there are none. */
  private static Tensor counted(LorsaBatch batch, Tensor values) {
    List<Tensor> parts = new ArrayList<>();
    for (int i = 0; i < batch.contexts(); i++) {
      int count = batch.lengths()[i] - batch.from();
      if (count > 0) {
        parts.add(values.select(0, i).narrow(0, batch.from(), count));
      }
    }
    return parts.isEmpty() ? null : ShapeOperators.cat(parts, 0).to(DType.F64);
  }

  private static void requireOwn(long width, String does, int stored, String hook) {
    if (width != stored) {
      throw new IllegalArgumentException(
          "the model's attention %s %d dimensions, but %s of the store is %d wide; give the model that was captured"
              .formatted(does, width, hook, stored));
    }
  }

  /**
   * Sets output directions, of norm 1, and values.
   *
   * @param valueScale what values of raw inputs are multiplied by, so that activations are in the
   *     units of the scaled target, read from the scaled input
   * @return dimensions per head of the model
   */
  private List<Integer> directions(LorsaWeights weights, double valueScale) throws IOException {
    LorsaSpec spec = weights.spec();
    // Other streams than the order of the batches, which follows from the seed itself.
    long seed = config.seed() ^ 0x5eed_d1ecL;
    return switch (config.start()) {
      case InitialDirections.Random random -> {
        unit(draw(seed, spec.heads(), spec.outputWidth())).copyTo(weights.get(LorsaTensor.OUTPUT));
        unit(draw(~seed, spec.heads(), spec.inputWidth())).copyTo(weights.get(LorsaTensor.VALUE));
        yield List.of();
      }
      case InitialDirections.ActiveSubspace active -> {
        if (active.dimensions() > attention.headDim()) {
          throw new IllegalArgumentException(
              "d_init is %d, but a head of the model is only %d wide; give a smaller one"
                  .formatted(active.dimensions(), attention.headDim()));
        }
        HeadSubspaces subspaces =
            HeadSubspaces.of(attention, feed, sample, active.dimensions(), active.tau(), device);
        yield inside(weights, subspaces, valueScale, seed);
      }
    };
  }

  private List<Integer> inside(
      LorsaWeights weights, HeadSubspaces subspaces, double valueScale, long seed) {
    int r = attention.headDim();
    int each = weights.spec().heads() / attention.heads();
    Tensor values = Queries.perHead(attention.value().weight(), attention, attention.heads());
    Tensor projection = attention.output().weight().to(Device.CPU);
    List<Tensor> outputs = new ArrayList<>();
    List<Tensor> read = new ArrayList<>();
    List<Integer> dimensions = new ArrayList<>();
    for (int head = 0; head < attention.heads(); head++) {
      Tensor basis = subspaces.directions().get(head);
      int n = (int) basis.size(1);
      dimensions.add(n);
      Tensor output = unit(draw(seed + head, each, n).mm(basis.transpose(0, 1)));
      Tensor within = output.mm(projection.narrow(1, (long) head * r, r));
      outputs.add(output);
      read.add(within.mm(values.narrow(0, (long) head * r, r)).mul(valueScale));
    }
    ShapeOperators.cat(outputs, 0).copyTo(weights.get(LorsaTensor.OUTPUT));
    ShapeOperators.cat(read, 0).copyTo(weights.get(LorsaTensor.VALUE));
    return dimensions;
  }

  private static Tensor draw(long seed, long rows, long width) {
    return Tensor.uniform(seed, -1, 1, Device.CPU, rows, width);
  }

  private static Tensor unit(Tensor rows) {
    return rows.div(rows.square().sum(true, 1).sqrt());
  }

  /** Output bias to the target's mean, value biases to minus the mean activations. */
  private void centre(LorsaWeights weights, Moments moments, double inputScale, double targetScale)
      throws IOException {
    Tensor sums = Tensor.zeros(DType.F64, Device.CPU, weights.spec().heads());
    try (LorsaEngine engine = LorsaEngine.running(weights, device)) {
      for (int[] contexts : sample) {
        try (TensorScope scope = TensorScope.open()) {
          LorsaBatch batch = feed.batch(contexts, inputScale, targetScale);
          Tensor part = engine.activations(batch).sum(false, 0).to(DType.F64).to(Device.CPU);
          sums.copy_(sums.add(part));
        }
      }
    }
    sums.mul(-1.0 / moments.tokens()).to(DType.F32).copyTo(weights.get(LorsaTensor.VALUE_BIAS));
    Tensor.ofDoubles(moments.mean(), moments.mean().length)
        .mul(targetScale)
        .to(DType.F32)
        .copyTo(weights.get(LorsaTensor.OUTPUT_BIAS));
  }

  /**
   * Multiplies values and outputs by the norm with the least error on the sample.
   *
   * @return the norm of the output directions
   */
  private double rescale(LorsaWeights weights, double inputScale, double targetScale)
      throws IOException {
    double along = 0;
    double written = 0;
    double wanted = 0;
    try (LorsaEngine engine = LorsaEngine.running(weights, device)) {
      Tensor bias = tensor(weights, LorsaTensor.OUTPUT_BIAS).to(device).to(DType.F64);
      for (int[] contexts : sample) {
        try (TensorScope scope = TensorScope.open()) {
          LorsaBatch batch = feed.batch(contexts, inputScale, targetScale);
          Tensor target = counted(batch, batch.target());
          if (target != null) {
            Tensor rest = target.sub(bias);
            Tensor output = counted(batch, engine.output(batch)).sub(bias);
            along += rest.mul(output).sum().item();
            written += output.square().sum().item();
            wanted += rest.square().sum().item();
          }
        }
      }
    }
    if (written == 0) {
      return 1;
    }
    double factor = Math.max(along / written, LEAST * Math.sqrt(wanted / written));
    double norm = Math.sqrt(factor);
    for (LorsaTensor tensor :
        List.of(LorsaTensor.VALUE, LorsaTensor.VALUE_BIAS, LorsaTensor.OUTPUT)) {
      tensor(weights, tensor).mul(norm).copyTo(weights.get(tensor));
    }
    return norm;
  }

  private static Tensor tensor(LorsaWeights weights, LorsaTensor tensor) {
    return Tensor.of(weights.get(tensor), DType.F32, tensor.shape(weights.spec()));
  }
}
