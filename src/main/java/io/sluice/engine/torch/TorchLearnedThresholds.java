package io.sluice.engine.torch;

import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.torch.Device;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import java.util.List;

/**
 * Learned thresholds of JumpReLU in one batch, in float64 and entry by entry as {@code
 * LearnedThresholds} computes them in host memory.
 */
final class TorchLearnedThresholds implements TorchLearned {
  private final TorchBatch batch;
  private final Tensor decoder;
  private final DeviceIntegers numbers;
  private final Device device;

  /** Float64 {@code [features]}. */
  private final Tensor thresholds;

  private final double bandwidth;

  /** Values in the lower half of the window: not active, but part of the threshold's gradient. */
  private final TorchCodes below;

  /** By entry of {@link #below}: the gradient that the code would have. */
  private Tensor belowGradients;

  /** The penalty of one more code. */
  private double cost;

  /** Thresholds of a batch, with tensors that it frees. */
  TorchLearnedThresholds(
      TorchBatch batch,
      Tensor decoder,
      DeviceIntegers numbers,
      Tensor thresholds,
      double bandwidth,
      TorchCodes below) {
    this.batch = batch;
    this.decoder = decoder;
    this.numbers = numbers;
    this.device = decoder.device();
    this.thresholds = thresholds;
    this.bandwidth = bandwidth;
    this.below = below;
  }

  void setCost(double cost) {
    this.cost = cost;
  }

  @Override
  public void findGradients(Rows target) {
    if (below.entries() > 0) {
      belowGradients = batch.keep(below.products(batch.residualGradient, decoder));
    }
  }

  @Override
  public void penaliseBelow(double slope, Tensor norms) {
    if (below.entries() > 0) {
      Tensor own = norms.indexSelect(0, below.features());
      belowGradients = batch.keep(belowGradients.add(own.mul(slope).to(DType.F32)));
    }
  }

  /** The gradients of {@code log θ}, float64 {@code [features]}. */
  Tensor gradient() {
    TorchCodes codes = batch.decoded;
    int entries = codes.entries() + below.entries();
    if (entries == 0) {
      return Tensor.zeros(DType.F64, device, thresholds.elements());
    }
    Tensor features = codes.features();
    Tensor terms = null;
    if (codes.entries() > 0) {
      Tensor own = thresholds.indexSelect(0, features);
      Tensor term = ofThreshold(own, batch.codeGradient);
      Tensor inWindow =
          codes
              .values()
              .to(DType.F64)
              .sub(own)
              .lt(Tensor.full(bandwidth / 2, DType.F64, device, 1));
      terms = inWindow.where(term, Tensor.zeros(DType.F64, device, 1));
    }
    if (below.entries() > 0) {
      Tensor own = thresholds.indexSelect(0, below.features());
      Tensor term = ofThreshold(own, belowGradients);
      terms = terms == null ? term : ShapeOperators.cat(List.of(terms, term), 0);
      features = ShapeOperators.cat(List.of(features, below.features()), 0);
    }
    return TorchGroups.sums(
        features, terms, Math.toIntExact(thresholds.elements()), numbers.upTo(entries + 1L));
  }

  private Tensor ofThreshold(Tensor thresholds, Tensor codeGradients) {
    return thresholds
        .neg()
        .div(Tensor.full(bandwidth, DType.F64, device, 1))
        .mul(thresholds.mul(codeGradients.to(DType.F64)).add(cost));
  }
}
