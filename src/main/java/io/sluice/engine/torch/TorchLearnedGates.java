package io.sluice.engine.torch;

import io.sluice.engine.torch.transfer.TorchTransfer;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;

/**
 * Learned gates in one batch, in float64 and entry by entry as {@code LearnedGates} computes them
 * in host memory. Entries are those of open gates; their values are magnitudes, 0 among them.
 */
final class TorchLearnedGates implements TorchLearned {
  private final TorchBatch batch;
  private final TorchTransfer transfer;
  private final Tensor decoder;
  private final Tensor decoderBias;
  private final Device device;

  /** How far the gate of each entry is open, float32. */
  private final Tensor openings;

  /** The scale of each feature's magnitude, float64 {@code [features]}. */
  private final Tensor scales;

  /** Float32 {@code [features]}. */
  private final Tensor biases;

  /** By entry, float32. */
  private Tensor openingGradients;

  private Tensor biasShift;

  /** Gates of a batch, with tensors that it frees. */
  TorchLearnedGates(
      TorchBatch batch,
      TorchTransfer transfer,
      Tensor decoder,
      Tensor decoderBias,
      Tensor openings,
      Tensor scales,
      Tensor biases) {
    this.batch = batch;
    this.transfer = transfer;
    this.decoder = decoder;
    this.decoderBias = decoderBias;
    this.device = decoder.device();
    this.openings = openings;
    this.scales = scales;
    this.biases = biases;
  }

  /** Of the error that openings make in the magnitudes' place. */
  @Override
  public void findGradients(Rows target) {
    TorchCodes open = batch.decoded;
    if (open.entries() > 0) {
      openingGradients =
          batch.keep(
              auxiliaryGradients(
                  open, openings, transfer.load("target", target), decoder, decoderBias));
    }
  }

  /** As {@code Arithmetic.auxiliaryGradients}, by entry of {@code codes}. */
  static Tensor auxiliaryGradients(
      TorchCodes codes, Tensor weights, Tensor target, Tensor decoder, Tensor decoderBias) {
    Tensor residual =
        decoder
            .embeddingBag(codes.features(), codes.offsets(), weights)
            .add(decoderBias)
            .sub(target)
            .mul(2.0 / codes.rows());
    return codes.products(residual, decoder);
  }

  @Override
  public Tensor charged() {
    return openings;
  }

  @Override
  public void penaliseCharged(Tensor slopes) {
    openingGradients = batch.keep(openingGradients.add(slopes));
  }

  /**
   * The gradients of what is learned, float64 {@code [features]}.
   *
   * @param ofScales of the logarithms of scales
   * @param ofBiases of the magnitudes' biases
   */
  record Gradients(Tensor ofScales, Tensor ofBiases) {}

  /** Forms the gradients, and makes gradients of pre-activations of those of magnitudes. */
  Gradients gradients() {
    int features = Math.toIntExact(scales.elements());
    TorchCodes open = batch.decoded;
    if (open.entries() == 0) {
      return new Gradients(
          Tensor.zeros(DType.F64, device, features), Tensor.zeros(DType.F64, device, features));
    }
    Tensor none = Tensor.zeros(DType.F64, device, 1);
    Tensor magnitudes = open.values();
    Tensor positive = magnitudes.gt(Tensor.zeros(DType.F32, device, 1));
    Tensor gradient = positive.where(batch.codeGradient.to(DType.F64), none);
    Tensor aboveBias = magnitudes.sub(biases.indexSelect(0, open.features())).to(DType.F64);
    Tensor ofScales = batch.sumsOf(gradient.mul(aboveBias), features);
    Tensor ofBiases = batch.sumsOf(gradient, features);
    biasShift =
        batch.keep(scales.mul(ofBiases).indexSelect(0, batch.groups().features()).to(DType.F32));
    Tensor ofProducts = gradient.mul(scales.indexSelect(0, open.features()));
    batch.codeGradient = batch.keep(openingGradients.to(DType.F64).add(ofProducts).to(DType.F32));
    return new Gradients(ofScales, ofBiases);
  }

  @Override
  public Tensor biasShift() {
    return biasShift;
  }
}
