package io.sluice.engine.torch;

import io.sluice.engine.arithmetic.GradientTerms;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.torch.transfer.TorchTransfer;
import io.sluice.memory.DType;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Gradients of the rows and biases of active features, as sums over their codes. */
final class TorchGradients {
  private final EngineSpec spec;
  private final Device device;
  private final Tensor encoder;
  private final TorchDecoderRows decoderRows;
  private final TorchTransfer transfer;
  private final DeviceIntegers numbers;
  private final int levels;

  TorchGradients(
      EngineSpec spec,
      Device device,
      Tensor encoder,
      TorchDecoderRows decoderRows,
      TorchTransfer transfer,
      DeviceIntegers numbers) {
    this.spec = spec;
    this.device = device;
    this.encoder = encoder;
    this.decoderRows = decoderRows;
    this.transfer = transfer;
    this.numbers = numbers;
    this.levels = spec.prefixes().size();
  }

  /**
   * Forms the gradients of a batch, in the innermost scope.
   *
   * @param rows tokens that have a decoder bias
   * @param batch with the gradients of its reconstruction and codes, and what penalties and learned
   *     activation functions add
   * @param terms what they add, if it comes from host memory
   */
  TorchAdam.Gradients form(int rows, TorchBatch batch, GradientTerms terms) {
    TorchCodes decoded = batch.decoded;
    Tensor residualGradient = batch.residualGradient;
    Tensor codeGradient = batch.codeGradient;
    Tensor decoderBiasGradient =
        residualGradient
            .narrow(0, 0, (long) rows * levels)
            .reshape(rows, levels, spec.outputWidth())
            .select(1, 0)
            .sum(false, 0);
    if (decoded.entries() == 0) {
      return TorchAdam.Gradients.ofBias(decoderBiasGradient);
    }
    TorchGroups groups = batch.groups();
    Tensor active = groups.features();
    Tensor weights = codeGradient.indexSelect(0, groups.order());
    Tensor decoderGradient =
        groups.sum(
            residualGradient, groups.bags(), decoded.values().indexSelect(0, groups.order()));
    Tensor penalties = penaltiesOfRows(batch, active, terms);
    if (penalties != null) {
      Tensor weightsOfRows = penalties.reshape(-1, 1);
      Tensor along =
          spec.siteCount() == 1 ? decoderRows.rows(active) : decoderRows.unitParts(active);
      decoderGradient = decoderGradient.add(along.mul(weightsOfRows));
    }
    Tensor encoderGradient = groups.sum(batch.seen, groups.tokens(), weights);
    Tensor encoderBiasGradient = groups.sum(codeGradient);
    if (spec.subtractDecoderBias()) {
      decoderBiasGradient =
          decoderBiasGradient.sub(weightedRows(encoder, active, encoderBiasGradient));
    }
    Tensor shift = biasShift(batch, active, terms);
    if (shift != null) {
      encoderBiasGradient = encoderBiasGradient.sub(shift);
    }
    return new TorchAdam.Gradients(
        active, encoderGradient, encoderBiasGradient, decoderGradient, decoderBiasGradient);
  }

  /** The factor of each active decoder row in its gradient; null without a penalty. */
  private Tensor penaltiesOfRows(TorchBatch batch, Tensor active, GradientTerms terms) {
    if (batch.penalties == null) {
      return terms.decoderRows() == null ? null : ofActive(terms.decoderRows(), "penalty", active);
    }
    Tensor sums = batch.sumsOf(batch.penalties, spec.features()).indexSelect(0, active);
    if (spec.siteCount() == 1) {
      Tensor norms = decoderRows.norms(active).to(DType.F64);
      Tensor none = Tensor.zeros(DType.F64, device, 1);
      sums = norms.gt(none).where(sums.div(norms), none);
    }
    return sums.to(DType.F32);
  }

  private Tensor biasShift(TorchBatch batch, Tensor active, GradientTerms terms) {
    if (batch.learned != null) {
      return batch.learned.biasShift();
    }
    return terms.encoderBias() == null ? null : ofActive(terms.encoderBias(), "bias shift", active);
  }

  /** {@code Σ_j weights[j] · table[rows[j]]}, in bags of 64 so that threads can share the work. */
  private Tensor weightedRows(Tensor table, Tensor rows, Tensor weights) {
    long count = rows.elements();
    long bags = (count + 63) / 64;
    Tensor starts =
        numbers
            .upTo(bags + 1)
            .to(DType.F64)
            .mul(64)
            .minimum(Tensor.full(count, DType.F64, device, 1))
            .to(DType.I64);
    return table.embeddingBag(rows, starts, weights).sum(false, 0);
  }

  /** Selects the numbers of the active features, on the device. */
  private Tensor ofActive(double[] values, String name, Tensor active) {
    MemorySegment host = transfer.scratch().floats(name, values.length);
    for (int feature = 0; feature < values.length; feature++) {
      host.setAtIndex(ValueLayout.JAVA_FLOAT, feature, (float) values[feature]);
    }
    return transfer.onDevice(host, DType.F32, values.length).indexSelect(0, active);
  }
}
