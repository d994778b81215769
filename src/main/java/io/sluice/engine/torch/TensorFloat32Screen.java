package io.sluice.engine.torch;

import io.sluice.memory.DType;
import io.sluice.torch.Device;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorFloat32;
import io.sluice.torch.TensorScope;
import java.util.List;

/**
 * Bounds from one product in TensorFloat-32, or in float32, of the unchanged weights.
 *
 * <p>The units take ten bits of each element's fraction, and so, even if they cut the rest off,
 * lose {@code 2⁻¹⁰} of each at the most. By Cauchy and Schwarz the product of a token and a row is
 * then off by less than {@code (2⁻⁹ + 2⁻¹⁹ + γ)·‖x‖·‖w‖}, with {@code γ} for the sums in float32
 * ({@link TorchScreen#gamma}); a product in float32 by {@code γ·‖x‖·‖w‖}. That, and the bias, is a
 * product of two columns with two rows, in float32, onto which the large product is added:
 *
 * <pre>
 * token  c·‖x‖ | 1
 * row    ‖w‖   | b + γ·|b|
 * </pre>
 *
 * Only the length of each row is stored.
 */
final class TensorFloat32Screen extends TorchScreen {
  private final boolean inFloat32;
  private final Tensor beside;
  private Tensor encoder;
  private Tensor norms;

  TensorFloat32Screen(
      int features, int width, Device device, DeviceIntegers numbers, boolean inFloat32) {
    super(features, width, device, numbers);
    this.inFloat32 = inFloat32;
    try (TensorScope scope = TensorScope.open()) {
      this.beside = Tensor.zeros(DType.F32, device, 2, features).moveTo(owner);
    }
  }

  @Override
  void refreshAll(Tensor encoder, Tensor bias, Tensor norms, int chunk) {
    keep(encoder, norms);
    for (int start = 0; start < features; start += chunk) {
      int length = Math.min(chunk, features - start);
      try (TensorScope scope = TensorScope.open()) {
        beside
            .select(0, 0)
            .narrow(0, start, length)
            .copy_(lengths(encoder.narrow(0, start, length)));
      }
    }
    takeBiases(bias);
  }

  @Override
  void refreshSome(Tensor changed, Tensor encoder, Tensor bias, Tensor norms, int chunk) {
    keep(encoder, norms);
    int count = Math.toIntExact(changed.elements());
    for (int start = 0; start < count; start += chunk) {
      int length = Math.min(chunk, count - start);
      try (TensorScope scope = TensorScope.open()) {
        Tensor places = changed.narrow(0, start, length);
        beside.select(0, 0).indexCopy_(0, places, lengths(encoder.indexSelect(0, places)));
      }
    }
    takeBiases(bias);
  }

  private void takeBiases(Tensor bias) {
    try (TensorScope scope = TensorScope.open()) {
      beside.select(0, 1).copy_(bias.add(bias.abs().mul(gamma)));
    }
  }

  /** The weights themselves; and the norms, which are made anew at each step. */
  private void keep(Tensor weights, Tensor decoderNorms) {
    encoder = weights;
    if (decoderNorms == null) {
      return;
    }
    if (norms == null) {
      norms = decoderNorms.copy().moveTo(owner);
    } else {
      norms.copy_(decoderNorms);
    }
  }

  @Override
  Tokens tokens(Tensor seen) {
    Tensor factors = lengths(seen).mul(inFloat32 ? gamma : 0x1p-9 + 0x1p-19 + gamma);
    Tensor ones = Tensor.full(1, DType.F32, device, seen.size(0));
    return new Tokens(seen, ShapeOperators.stack(List.of(factors, ones), 1));
  }

  @Override
  Tensor bounds(Tokens tokens) {
    Tensor sum = tokens.beside().mm(beside);
    Tensor rows = encoder.transpose(0, 1);
    if (inFloat32) {
      sum.addmm_(sum, tokens.rows(), rows, 1, 1);
    } else if (device.isCuda()) {
      TensorFloat32.during(() -> sum.addmm_(sum, tokens.rows(), rows, 1, 1));
    } else {
      sum.addmm_(sum, cut(tokens.rows()), cut(encoder).transpose(0, 1), 1, 1);
    }
    return norms == null ? sum : sum.mul_(norms);
  }

  /** Rounds float32 to ten bits of fraction, as a GPU's matrix units do (Veltkamp's splitting). */
  private static Tensor cut(Tensor values) {
    Tensor large = values.mul(0x1p13 + 1);
    return large.sub(large.sub(values));
  }
}
