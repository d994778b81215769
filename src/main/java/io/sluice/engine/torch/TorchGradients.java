package io.sluice.engine.torch;

import io.sluice.engine.arithmetic.GradientTerms;
import io.sluice.engine.spec.EngineSpec;
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
   * @param seen the input of all rows of {@code decoded}
   * @param residualGradient the gradient of the reconstruction, {@code [bags, outputWidth]}
   * @param codeGradient by entry of {@code decoded}; any if it has none
   */
  TorchAdam.Gradients form(
      int rows,
      Tensor seen,
      TorchCodes decoded,
      Tensor residualGradient,
      Tensor codeGradient,
      GradientTerms terms) {
    Tensor decoderBiasGradient =
        residualGradient
            .narrow(0, 0, (long) rows * levels)
            .reshape(rows, levels, spec.outputWidth())
            .select(1, 0)
            .sum(false, 0);
    if (decoded.entries() == 0) {
      return TorchAdam.Gradients.ofBias(decoderBiasGradient);
    }
    int entries = decoded.entries();
    TorchGroups groups = TorchGroups.of(decoded, numbers.upTo(entries + 1L));
    Tensor active = groups.features();
    Tensor weights = codeGradient.indexSelect(0, groups.order());
    Tensor decoderGradient =
        groups.sum(
            residualGradient, groups.bags(), decoded.values().indexSelect(0, groups.order()));
    if (terms.decoderRows() != null) {
      Tensor weightsOfRows = ofActive(terms.decoderRows(), "penalty", active).reshape(-1, 1);
      Tensor along =
          spec.siteCount() == 1 ? decoderRows.rows(active) : decoderRows.unitParts(active);
      decoderGradient = decoderGradient.add(along.mul(weightsOfRows));
    }
    Tensor encoderGradient = groups.sum(seen, groups.tokens(), weights);
    Tensor encoderBiasGradient =
        groups.sum(codeGradient.reshape(entries, 1), groups.order(), null).reshape(-1);
    if (spec.subtractDecoderBias()) {
      decoderBiasGradient =
          decoderBiasGradient.sub(weightedRows(encoder, active, encoderBiasGradient));
    }
    if (terms.encoderBias() != null) {
      encoderBiasGradient =
          encoderBiasGradient.sub(ofActive(terms.encoderBias(), "bias shift", active));
    }
    return new TorchAdam.Gradients(
        active, encoderGradient, encoderBiasGradient, decoderGradient, decoderBiasGradient);
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
