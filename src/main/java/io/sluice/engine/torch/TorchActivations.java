package io.sluice.engine.torch;

import io.sluice.engine.arithmetic.DeviceActivations;
import io.sluice.engine.arithmetic.DeviceCodes;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Penalty;
import io.sluice.engine.torch.transfer.TorchTransfer;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.torch.Device;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.function.DoubleSupplier;
import java.util.function.Supplier;

/** Thresholds, gates and penalties on codes on the device. */
final class TorchActivations implements DeviceActivations {
  private final EngineSpec spec;
  private final TorchBatch batch;
  private final TorchSelection selection;
  private final TorchTransfer transfer;
  private final DeviceIntegers numbers;
  private final Tensor encoderBias;
  private final Tensor decoder;
  private final Tensor decoderBias;

  /** How many rows of a matrix are worked on at once. */
  private final int weightRows;

  /** The lengths of all decoder rows, float32. */
  private final Supplier<Tensor> norms;

  private final Device device;

  TorchActivations(
      EngineSpec spec,
      TorchBatch batch,
      TorchSelection selection,
      TorchTransfer transfer,
      DeviceIntegers numbers,
      Tensor encoderBias,
      Tensor decoder,
      Tensor decoderBias,
      int weightRows,
      Supplier<Tensor> norms) {
    this.spec = spec;
    this.batch = batch;
    this.selection = selection;
    this.transfer = transfer;
    this.numbers = numbers;
    this.encoderBias = encoderBias;
    this.decoder = decoder;
    this.decoderBias = decoderBias;
    this.weightRows = weightRows;
    this.norms = norms;
    this.device = transfer.device();
  }

  // ---- codes ----

  @Override
  public DeviceCodes encodeAbove(Rows input, float[] bounds) {
    try (TensorScope scope = TensorScope.open()) {
      batch.start(input);
      return batch.keepCodes(above(bounds, scope), null);
    }
  }

  private TorchCodes above(float[] bounds, TensorScope scope) {
    return selection.keepAbove(
        batch.seen,
        ofFeatures(bounds),
        spec.scoreByDecoderNorm() ? norms.get() : null,
        weightRows,
        scope);
  }

  private Tensor ofFeatures(float[] values) {
    return Tensor.ofFloats(values, values.length).to(device);
  }

  private Tensor ofFeatures(double[] values) {
    return Tensor.ofDoubles(values, values.length).to(device);
  }

  @Override
  public DeviceCodes encodeThresholds(Rows input, double[] thresholds, double bandwidth) {
    float[] bounds = new float[thresholds.length];
    for (int feature = 0; feature < bounds.length; feature++) {
      bounds[feature] = (float) (thresholds[feature] - bandwidth / 2);
    }
    try (TensorScope scope = TensorScope.open()) {
      batch.start(input);
      TorchCodes inWindow = above(bounds, scope);
      Tensor own = batch.keep(ofFeatures(thresholds));
      Tensor active = inWindow.values().to(DType.F64).gt(own.indexSelect(0, inWindow.features()));
      batch.learned =
          new TorchLearnedThresholds(
              batch,
              decoder,
              numbers,
              own,
              bandwidth,
              batch.keep(inWindow.only(active.not(), numbers)));
      return batch.keepCodes(inWindow.only(active, numbers), null);
    }
  }

  @Override
  public DeviceCodes encodeGates(Rows input, double[] scales, float[] biases) {
    try (TensorScope scope = TensorScope.open()) {
      batch.start(input);
      TorchCodes open = above(new float[biases.length], scope);
      Tensor scale = batch.keep(ofFeatures(scales));
      Tensor bias = batch.keep(ofFeatures(biases));
      Tensor features = open.features();
      Tensor products =
          open.values().to(DType.F64).sub(encoderBias.indexSelect(0, features).to(DType.F64));
      Tensor magnitudes =
          scale
              .indexSelect(0, features)
              .mul(products)
              .add(bias.indexSelect(0, features).to(DType.F64))
              .to(DType.F32);
      batch.learned =
          new TorchLearnedGates(
              batch, transfer, decoder, decoderBias, batch.keep(open.values()), scale, bias);
      batch.opened = batch.keep(open.withValues(magnitudes.relu()));
      TorchCodes all = open.withValues(magnitudes);
      return batch.keepCodes(all.only(TorchCodes.kept(magnitudes, false), numbers), null);
    }
  }

  @Override
  public void findLearnedGradients(Rows target) {
    if (batch.learned != null) {
      try (TensorScope scope = TensorScope.open()) {
        batch.learned.findGradients(target);
      }
    }
  }

  // ---- penalties ----

  /** What a penalty charges of a batch's entries: features, values in float64, {@code u}. */
  private record Charged(Tensor features, Tensor norms, Tensor values, Tensor scores) {}

  /** Of the batch's own entries, before those of dead features. */
  private Charged charged(Tensor norms) {
    int entries = batch.ownEntries;
    Tensor features = batch.decoded.features().narrow(0, 0, entries);
    Tensor charged = batch.learned == null ? null : batch.learned.charged();
    Tensor values =
        (charged == null ? batch.decoded.values().narrow(0, 0, entries) : charged).to(DType.F64);
    Tensor own = norms.indexSelect(0, features);
    return new Charged(features, own, values, values.mul(own));
  }

  @Override
  public double charge(Penalty penalty) {
    if (batch.ownEntries == 0) {
      return 0;
    }
    try (TensorScope scope = TensorScope.open()) {
      return of(penalty, charged(norms.get().to(DType.F64)).scores()).sum().item();
    }
  }

  @Override
  public DoubleSupplier penalise(Penalty penalty, double factor) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor all = norms.get().to(DType.F64);
      TorchLearned learned = batch.learned;
      if (learned != null) {
        learned.penaliseBelow(factor * penalty.slope(0), all);
      }
      if (batch.ownEntries == 0) {
        return () -> 0;
      }
      Charged charged = charged(all);
      Tensor slopes = slope(penalty, charged.scores()).mul(factor);
      Tensor added = slopes.mul(charged.norms()).to(DType.F32);
      if (learned != null && learned.charged() != null) {
        learned.penaliseCharged(added);
      } else {
        batch.codeGradient = batch.keep(batch.codeGradient.add(padded(added)));
      }
      batch.penalties = batch.keep(padded(slopes.mul(charged.values())));
      Tensor sum = batch.keep(of(penalty, charged.scores()).sum());
      return sum::item;
    }
  }

  /** With 0 for each entry of dead features. */
  private Tensor padded(Tensor ofEntries) {
    int dead = batch.decoded.entries() - batch.ownEntries;
    return dead == 0
        ? ofEntries
        : ShapeOperators.cat(List.of(ofEntries, Tensor.zeros(ofEntries.dtype(), device, dead)), 0);
  }

  /** {@link Penalty#of} of each element. */
  private Tensor of(Penalty penalty, Tensor scores) {
    return switch (penalty) {
      case Penalty.Linear linear -> scores;
      case Penalty.Tanh(double scale) -> scores.mul(scale).tanh();
      case Penalty.Power(double exponent) ->
          scores
              .add(Penalty.Power.NEAR_ZERO)
              .pow(exponent)
              .sub(Math.pow(Penalty.Power.NEAR_ZERO, exponent));
      case Penalty.Count count -> scores.gt(Tensor.zeros(DType.F64, device, 1)).to(DType.F64);
    };
  }

  /** {@link Penalty#slope} of each element. */
  private Tensor slope(Penalty penalty, Tensor scores) {
    return switch (penalty) {
      case Penalty.Linear linear -> Tensor.full(1, DType.F64, device, scores.elements());
      case Penalty.Tanh(double scale) -> scores.mul(scale).tanh().square().neg().add(1).mul(scale);
      case Penalty.Power(double exponent) ->
          scores.add(Penalty.Power.NEAR_ZERO).pow(exponent - 1).mul(exponent);
      case Penalty.Count count -> Tensor.zeros(DType.F64, device, scores.elements());
    };
  }

  // ---- gradients ----

  @Override
  public void setCountCost(double cost) {
    ((TorchLearnedThresholds) batch.learned).setCost(cost);
  }

  @Override
  public void formThresholdGradients(double[] gradient) {
    try (TensorScope scope = TensorScope.open()) {
      read(((TorchLearnedThresholds) batch.learned).gradient(), gradient);
    }
  }

  @Override
  public void formGateGradients(double[] ofScales, double[] ofBiases) {
    try (TensorScope scope = TensorScope.open()) {
      TorchLearnedGates.Gradients gradients = ((TorchLearnedGates) batch.learned).gradients();
      read(gradients.ofScales(), ofScales);
      read(gradients.ofBiases(), ofBiases);
    }
  }

  private void read(Tensor from, double[] to) {
    MemorySegment host = transfer.scratch().doubles("of features", to.length);
    from.copyTo(host);
    MemorySegment.copy(host, ValueLayout.JAVA_DOUBLE, 0, to, 0, to.length);
  }
}
