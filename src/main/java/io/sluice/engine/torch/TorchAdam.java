package io.sluice.engine.torch;

import io.sluice.engine.arithmetic.EngineState;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.memory.DType;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Adam and row-lazy SparseAdam over LibTorch's fused kernel. Rows are updated in chunks that stay
 * in the cache. Plain Adam writes the few active gradients into a chunk of zeros. SparseAdam
 * gathers the active rows, decays their moments for the steps without an update, and writes them
 * back. Moments in bfloat16 are widened for the kernel, a chunk at a time, and rounded by {@link
 * TorchRounding}.
 */
final class TorchAdam {
  /** Steps between two sweeps that set vanishing moments to 0. */
  private static final int SWEEP = 64;

  /**
   * Smaller moments become 0: they change no weight, and arithmetic with denormal numbers is slow.
   */
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

    /** The same in a scope that lives longer. */
    Gradients moveTo(TensorScope scope) {
      decoderBias.moveTo(scope);
      if (active != null) {
        for (Tensor tensor : List.of(active, encoder, encoderBias, decoder)) {
          tensor.moveTo(scope);
        }
      }
      return this;
    }
  }

  private final EngineSpec spec;
  private final Device device;
  private final Map<String, Tensor> state;
  private final Tensor lastSteps;
  private final DeviceIntegers numbers;

  /** Null where moments are float32. */
  private final TorchRounding rounding;

  /** Moves {@code state}; {@code owner} frees what is kept beside it. */
  TorchAdam(
      EngineSpec spec,
      Device device,
      Map<String, Tensor> state,
      DeviceIntegers numbers,
      TensorScope owner) {
    this.spec = spec;
    this.device = device;
    this.state = state;
    this.numbers = numbers;
    boolean rounds = spec.optimiser() != Optimiser.NONE && spec.moments() == DType.BF16;
    int width = Math.max(spec.inputWidth(), spec.outputWidth());
    this.rounding = rounds ? new TorchRounding(width, device, owner) : null;
    try (TensorScope scope = TensorScope.open()) {
      long kept = spec.optimiser() == Optimiser.SPARSE_ADAM ? spec.features() : 0;
      this.lastSteps = Tensor.zeros(DType.I64, device, kept).moveTo(owner);
    }
  }

  /** The step at which each feature last moved, int64 {@code [features]}; 0 for never. */
  Tensor lastSteps() {
    return lastSteps;
  }

  /** How many rows of a matrix are worked on at once. */
  int chunkRows() {
    long elements = device.isCuda() ? 1L << 26 : 1L << 19;
    return Math.clamp(elements / Math.max(spec.inputWidth(), spec.outputWidth()), 64, 1 << 20);
  }

  /** One step. */
  void update(AdamStep adam, Gradients gradients) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor time = Tensor.full(adam.step(), DType.F32, device);
      move(EngineState.DECODER_BIAS, gradients.decoderBias(), adam, time);
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
        state.get(name + EngineState.FIRST_MOMENT),
        state.get(name + EngineState.SECOND_MOMENT),
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
    move(EngineState.ENCODER_BIAS, bias, adam, time);
    long[] starts = chunkStarts(gradients.active());
    updateMatrix(EngineState.ENCODER, gradients.active(), gradients.encoder(), starts, adam, time);
    updateMatrix(EngineState.DECODER, gradients.active(), gradients.decoder(), starts, adam, time);
  }

  /** The index, among the active features, at which each chunk of rows begins, and the end. */
  private long[] chunkStarts(Tensor active) {
    int chunk = chunkRows();
    int chunks = (spec.features() + chunk - 1) / chunk;
    long[] starts = new long[chunks + 1];
    if (active == null) {
      return starts;
    }
    starts[chunks] = active.elements();
    if (chunks > 1) {
      long[] first = new long[chunks];
      Arrays.setAll(first, i -> (long) i * chunk);
      Tensor wanted = Tensor.ofLongs(first, chunks);
      long[] found =
          active.searchSorted(device.isCuda() ? wanted.to(device) : wanted, false).toLongs();
      System.arraycopy(found, 0, starts, 0, chunks);
    }
    return starts;
  }

  private void updateMatrix(
      String name, Tensor active, Tensor gradient, long[] starts, AdamStep adam, Tensor time) {
    Tensor values = state.get(name);
    Tensor firsts = state.get(name + EngineState.FIRST_MOMENT);
    Tensor seconds = state.get(name + EngineState.SECOND_MOMENT);
    int chunk = Math.min(chunkRows(), spec.features());
    Tensor zeros = Tensor.empty(DType.F32, device, chunk, values.size(1));
    for (int start = 0; start < spec.features(); start += chunk) {
      int length = Math.min(chunk, spec.features() - start);
      long from = starts[start / chunk];
      long count = starts[start / chunk + 1] - from;
      try (TensorScope scope = TensorScope.open()) {
        Tensor dense = zeros.narrow(0, 0, length).zero_();
        if (count > 0) {
          // LibTorch's sums with a number are of floating type; float64 is exact here.
          Tensor places = active.narrow(0, from, count).to(DType.F64).sub(start).to(DType.I64);
          dense.indexCopy_(0, places, gradient.narrow(0, from, count));
        }
        Tensor first = firsts.narrow(0, start, length);
        Tensor second = seconds.narrow(0, start, length);
        Tensor wideFirst = first.to(DType.F32);
        Tensor wideSecond = second.to(DType.F32);
        step(values.narrow(0, start, length), dense, wideFirst, wideSecond, adam, time);
        if (adam.step() % SWEEP == 0) {
          sweep(wideFirst);
          sweep(wideSecond);
        }
        if (rounding != null) {
          Tensor rows = numbers.wholeTo(spec.features()).narrow(0, start, length);
          Tensor bits = bits(name, rows, values.size(1), adam);
          first.copy_(rounding.first(wideFirst, bits));
          second.copy_(rounding.second(wideSecond, bits));
        }
      }
    }
  }

  private Tensor bits(String name, Tensor rows, long width, AdamStep adam) {
    int matrix = EngineState.roundingNumber(name);
    return rounding.bits(rows, Math.toIntExact(width), adam.step(), matrix);
  }

  private void sweep(Tensor moment) {
    moment.mul_(moment.abs().gt(VANISHING).to(DType.F32));
  }

  // ---- SparseAdam: active rows ----

  private void updateActive(AdamStep adam, Gradients gradients, Tensor time) {
    int count = Math.toIntExact(gradients.active().elements());
    // The kernel decays by one step itself.
    Tensor missed =
        lastSteps.indexSelect(0, gradients.active()).to(DType.F64).mul(-1).add(adam.step() - 1);
    Tensor first = power(adam.beta1(), missed);
    Tensor second = power(adam.beta2(), missed);
    lastSteps.indexCopy_(
        0, gradients.active(), Tensor.full(adam.step(), DType.I64, device, 1).expand(count));
    int chunk = chunkRows();
    for (int start = 0; start < count; start += chunk) {
      int length = Math.min(chunk, count - start);
      try (TensorScope scope = TensorScope.open()) {
        Tensor rows = gradients.active().narrow(0, start, length);
        Tensor decayFirst = first.narrow(0, start, length);
        Tensor decaySecond = second.narrow(0, start, length);
        moveRows(
            EngineState.ENCODER_BIAS,
            rows,
            gradients.encoderBias().narrow(0, start, length),
            decayFirst,
            decaySecond,
            adam,
            time);
        decayFirst = decayFirst.reshape(length, 1);
        decaySecond = decaySecond.reshape(length, 1);
        moveRows(
            EngineState.ENCODER,
            rows,
            gradients.encoder().narrow(0, start, length),
            decayFirst,
            decaySecond,
            adam,
            time);
        moveRows(
            EngineState.DECODER,
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
    Tensor firsts = state.get(name + EngineState.FIRST_MOMENT);
    Tensor seconds = state.get(name + EngineState.SECOND_MOMENT);
    Tensor value = values.indexSelect(0, rows);
    Tensor first = firsts.indexSelect(0, rows).to(DType.F32).mul_(decayFirst);
    Tensor second = seconds.indexSelect(0, rows).to(DType.F32).mul_(decaySecond);
    step(value, gradient, first, second, adam, time);
    values.indexCopy_(0, rows, value);
    if (rounding != null && values.rank() == 2) {
      Tensor bits = bits(name, rows.to(DType.I32), values.size(1), adam);
      first = rounding.first(first, bits);
      second = rounding.second(second, bits);
    }
    firsts.indexCopy_(0, rows, first);
    seconds.indexCopy_(0, rows, second);
  }

  /** {@code base} to the power of each exponent, which is 0 or positive; float32. */
  private Tensor power(double base, Tensor exponents) {
    if (base == 0) {
      return exponents.eq(Tensor.zeros(DType.F64, device, 1)).to(DType.F32);
    }
    return exponents.mul(Math.log(base)).exp().to(DType.F32);
  }
}
