package io.sluice.engine;

import io.sluice.torch.DType;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;

/**
 * Adam and row-lazy SparseAdam over LibTorch's fused kernel. Rows go through in chunks that stay in
 * the cache; plain Adam lays the few active gradients into a chunk of zeros, SparseAdam gathers the
 * active rows, makes up for the steps that their moments missed, and writes them back.
 */
final class TorchAdam implements AutoCloseable {
  /** Steps between two sweeps that set vanishing moments to 0. */
  private static final int SWEEP = 64;

  /** What moves no weight and would become a denormal number, which is slow to compute with. */
  private static final double VANISHING = 1e-30;

  /**
   * The gradients of one batch. The matrices have one row for each active feature.
   *
   * @param active the features, int64 {@code [n]}, ascending; null if there are none, and then all
   *     but the last are null
   * @param encoder {@code [n, inputWidth]}
   * @param encoderBias {@code [n]}
   * @param decoder {@code [n, outputWidth]}
   * @param decoderBias {@code [outputWidth]}
   */
  record Gradients(
      Tensor active, Tensor encoder, Tensor encoderBias, Tensor decoder, Tensor decoderBias) {
    static Gradients ofBias(Tensor decoderBias) {
      return new Gradients(null, null, null, null, decoderBias);
    }
  }

  private final EngineSpec spec;
  private final Device device;
  private final Map<String, Tensor> state;
  private final FeatureGroups groups;
  private final HostScratch scratch;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment lastSteps;

  TorchAdam(
      EngineSpec spec,
      Device device,
      Map<String, Tensor> state,
      FeatureGroups groups,
      HostScratch scratch) {
    this.spec = spec;
    this.device = device;
    this.state = state;
    this.groups = groups;
    this.scratch = scratch;
    this.lastSteps = arena.allocate((long) spec.features() * Long.BYTES, 64);
  }

  /** The step at which each feature last moved, int64 {@code [features]}; 0 for never. */
  MemorySegment lastSteps() {
    return lastSteps;
  }

  /** How many rows of a matrix are worked on at once. */
  int chunkRows() {
    long elements = device.isCuda() ? 1L << 26 : 1L << 19;
    return Math.clamp(elements / Math.max(spec.inputWidth(), spec.outputWidth()), 64, 1 << 20);
  }

  /** One step; {@code gradients} belong to the features that {@link FeatureGroups} holds. */
  void update(AdamStep adam, Gradients gradients) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor time = Tensor.full(adam.step(), DType.F32, device);
      move("decoder_bias", gradients.decoderBias(), adam, time);
      switch (spec.optimiser()) {
        case ADAM -> updateAll(adam, gradients, time);
        case SPARSE_ADAM -> {
          if (gradients.active() != null) {
            updateActive(adam, gradients, time);
          }
        }
      }
    }
  }

  private void move(String name, Tensor gradient, AdamStep adam, Tensor time) {
    step(
        state.get(name),
        gradient,
        state.get(name + CheckedEngine.FIRST_MOMENT),
        state.get(name + CheckedEngine.SECOND_MOMENT),
        adam,
        time);
  }

  private static void step(
      Tensor value, Tensor gradient, Tensor first, Tensor second, AdamStep adam, Tensor time) {
    value.adam_(
        gradient,
        first,
        second,
        time,
        adam.learningRate(),
        adam.beta1(),
        adam.beta2(),
        adam.epsilon());
  }

  // ---- Adam: every row ----

  private void updateAll(AdamStep adam, Gradients gradients, Tensor time) {
    Tensor bias = Tensor.zeros(DType.F32, device, spec.features());
    if (gradients.active() != null) {
      bias.indexCopy_(0, gradients.active(), gradients.encoderBias());
    }
    move("encoder_bias", bias, adam, time);
    Tensor local = gradients.active() == null ? null : placesInChunks();
    updateMatrix("encoder", spec.inputWidth(), gradients.encoder(), local, adam, time);
    updateMatrix("decoder", spec.outputWidth(), gradients.decoder(), local, adam, time);
  }

  /** Each active feature's row within its chunk. */
  private Tensor placesInChunks() {
    int count = groups.groups();
    MemorySegment places = scratch.longs("places", count);
    int chunk = chunkRows();
    for (int group = 0; group < count; group++) {
      places.setAtIndex(ValueLayout.JAVA_LONG, group, groups.feature(group) % chunk);
    }
    return onDevice(places, DType.I64, count);
  }

  private void updateMatrix(
      String name, int width, Tensor gradient, Tensor places, AdamStep adam, Tensor time) {
    Tensor values = state.get(name);
    Tensor firsts = state.get(name + CheckedEngine.FIRST_MOMENT);
    Tensor seconds = state.get(name + CheckedEngine.SECOND_MOMENT);
    int chunk = Math.min(chunkRows(), spec.features());
    Tensor zeros = Tensor.empty(DType.F32, device, chunk, width);
    int group = 0;
    for (int start = 0; start < spec.features(); start += chunk) {
      int length = Math.min(chunk, spec.features() - start);
      int from = group;
      while (group < groups.groups() && groups.feature(group) < start + length) {
        group++;
      }
      try (TensorScope scope = TensorScope.open()) {
        Tensor dense = zeros.narrow(0, 0, length).zero_();
        if (group > from) {
          dense.indexCopy_(
              0, places.narrow(0, from, group - from), gradient.narrow(0, from, group - from));
        }
        Tensor first = firsts.narrow(0, start, length);
        Tensor second = seconds.narrow(0, start, length);
        step(values.narrow(0, start, length), dense, first, second, adam, time);
        if (adam.step() % SWEEP == 0) {
          sweep(first);
          sweep(second);
        }
      }
    }
  }

  private void sweep(Tensor moment) {
    moment.mul_(moment.abs().gt(VANISHING).to(DType.F32));
  }

  // ---- SparseAdam: active rows ----

  private void updateActive(AdamStep adam, Gradients gradients, Tensor time) {
    int count = groups.groups();
    MemorySegment missedFirst = scratch.floats("missed first", count);
    MemorySegment missedSecond = scratch.floats("missed second", count);
    for (int group = 0; group < count; group++) {
      int feature = groups.feature(group);
      // The kernel decays by one step itself.
      long missed = adam.step() - lastSteps.getAtIndex(ValueLayout.JAVA_LONG, feature) - 1;
      missedFirst.setAtIndex(ValueLayout.JAVA_FLOAT, group, (float) Math.pow(adam.beta1(), missed));
      missedSecond.setAtIndex(
          ValueLayout.JAVA_FLOAT, group, (float) Math.pow(adam.beta2(), missed));
      lastSteps.setAtIndex(ValueLayout.JAVA_LONG, feature, adam.step());
    }
    Tensor first = onDevice(missedFirst, DType.F32, count);
    Tensor second = onDevice(missedSecond, DType.F32, count);
    int chunk = chunkRows();
    for (int start = 0; start < count; start += chunk) {
      int length = Math.min(chunk, count - start);
      try (TensorScope scope = TensorScope.open()) {
        Tensor rows = gradients.active().narrow(0, start, length);
        Tensor decayFirst = first.narrow(0, start, length);
        Tensor decaySecond = second.narrow(0, start, length);
        moveRows(
            "encoder_bias",
            rows,
            gradients.encoderBias().narrow(0, start, length),
            decayFirst,
            decaySecond,
            adam,
            time);
        decayFirst = decayFirst.reshape(length, 1);
        decaySecond = decaySecond.reshape(length, 1);
        moveRows(
            "encoder",
            rows,
            gradients.encoder().narrow(0, start, length),
            decayFirst,
            decaySecond,
            adam,
            time);
        moveRows(
            "decoder",
            rows,
            gradients.decoder().narrow(0, start, length),
            decayFirst,
            decaySecond,
            adam,
            time);
      }
    }
  }

  private void moveRows(
      String name,
      Tensor rows,
      Tensor gradient,
      Tensor decayFirst,
      Tensor decaySecond,
      AdamStep adam,
      Tensor time) {
    Tensor values = state.get(name);
    Tensor firsts = state.get(name + CheckedEngine.FIRST_MOMENT);
    Tensor seconds = state.get(name + CheckedEngine.SECOND_MOMENT);
    Tensor value = values.indexSelect(0, rows);
    Tensor first = firsts.indexSelect(0, rows).mul_(decayFirst);
    Tensor second = seconds.indexSelect(0, rows).mul_(decaySecond);
    step(value, gradient, first, second, adam, time);
    values.indexCopy_(0, rows, value);
    firsts.indexCopy_(0, rows, first);
    seconds.indexCopy_(0, rows, second);
  }

  private Tensor onDevice(MemorySegment memory, DType dtype, long... shape) {
    Tensor host = Tensor.of(memory, dtype, shape);
    return device.isCuda() ? host.to(device) : host;
  }

  @Override
  public void close() {
    arena.close();
  }
}
