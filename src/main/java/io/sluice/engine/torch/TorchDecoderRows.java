package io.sluice.engine.torch;

import io.sluice.engine.spec.EngineSpec;
import io.sluice.memory.DType;
import io.sluice.torch.Device;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.ArrayList;
import java.util.List;

/** Lengths and directions of decoder rows; of each part, if a row writes several sites. */
final class TorchDecoderRows {
  private final EngineSpec spec;
  private final Device device;
  private final Tensor decoder;

  TorchDecoderRows(EngineSpec spec, Device device, Tensor decoder) {
    this.spec = spec;
    this.device = device;
    this.decoder = decoder;
  }

  /** Some rows as they are, {@code [n, outputWidth]}. */
  Tensor rows(Tensor features) {
    return decoder.indexSelect(0, features);
  }

  /**
   * The lengths of all rows, {@code [features]}.
   *
   * @param chunk rows at a time
   */
  Tensor norms(int chunk) {
    Tensor norms = Tensor.empty(DType.F32, device, spec.features());
    for (int start = 0; start < spec.features(); start += chunk) {
      int length = Math.min(chunk, spec.features() - start);
      try (TensorScope inner = TensorScope.open()) {
        norms.narrow(0, start, length).copy_(lengths(decoder.narrow(0, start, length)));
      }
    }
    return norms;
  }

  /** The lengths of the rows of some features, int64, as {@link #norms(int)} has them. */
  Tensor norms(Tensor features) {
    return lengths(decoder.indexSelect(0, features));
  }

  /** The lengths of decoder rows, {@code [n]}: of several sites the sum of the norms per site. */
  private Tensor lengths(Tensor rows) {
    Tensor sum = null;
    for (Tensor part : parts(rows)) {
      Tensor norm = part.square().sum(false, 1).sqrt_();
      sum = sum == null ? norm : sum.add(norm);
    }
    return sum;
  }

  /** Decoder rows, or their gradient, cut into what belongs to each site. */
  private List<Tensor> parts(Tensor rows) {
    if (spec.siteCount() == 1) {
      return List.of(rows);
    }
    List<Tensor> parts = new ArrayList<>();
    int from = 0;
    for (int width : spec.sites()) {
      parts.add(rows.narrow(1, from, width));
      from += width;
    }
    return parts;
  }

  /** The active decoder rows, each part of unit length; a part of zeros stays. */
  Tensor unitParts(Tensor active) {
    List<Tensor> unit = new ArrayList<>();
    Tensor least = Tensor.full(1e-30, DType.F32, device, 1);
    for (Tensor part : parts(decoder.indexSelect(0, active))) {
      unit.add(part.div(part.square().sum(true, 1).sqrt_().maximum(least)));
    }
    return ShapeOperators.cat(unit, 1);
  }
}
