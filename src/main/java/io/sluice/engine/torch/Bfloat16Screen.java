package io.sluice.engine.torch;

import io.sluice.memory.DType;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;

/**
 * Bounds from one product in bfloat16.
 *
 * <p>Let {@code w̃} and {@code x̃} be a feature's row and a token in bfloat16, {@code δw = w − w̃}
 * and {@code δx = x − x̃} what rounding left out. Then, by Cauchy and Schwarz,
 *
 * <pre>
 * ⟨x, w⟩ = ⟨x̃, w̃⟩ + ⟨x, δw⟩ + ⟨δx, w̃⟩ ≤ ⟨x̃, w̃⟩ + ‖x‖·‖δw‖ + ‖δx‖·‖w̃‖
 * </pre>
 *
 * The two products of lengths and the bias are columns beside the row and the token, so that the
 * product gives the bound itself:
 *
 * <pre>
 * row    w̃ | ‖δw‖       | ‖w̃‖             | b, in two parts | slack
 * token  x̃ | ‖x‖        | ‖δx‖ + γ·‖x̃‖    | 1     1          | 1
 * </pre>
 *
 * Lengths are rounded up: times {@code 1 + 2⁻⁶}, where rounding to bfloat16 takes {@code 2⁻⁸} at
 * the most. Rounding lengthens a vector by {@code 2⁻⁸} at the most, so that {@code ‖w̃‖} is bounded
 * by {@code ‖w‖}. {@code γ} is what sums in float32 lose ({@link TorchScreen#gamma}). The slack,
 * {@code 2(2⁻¹⁴ + γ)·|b| + 10⁻³⁰}, is what the bias loses in two parts and in those sums, and what
 * may be lost below the least normal number.
 *
 * <p>Rows that did not change stay rounded. Where LibTorch has no setting for TensorFloat-32, this
 * is the screen.
 */
final class Bfloat16Screen extends TorchScreen {
  /** Columns beside those of the row. */
  private static final int BESIDE = 5;

  private static final double UP = 1 + 1.0 / 64;

  /** By how much rounding to bfloat16 lengthens a vector at the most. */
  private static final double LONGER = 1 + 1.0 / 256;

  private final Tensor rows;

  Bfloat16Screen(int features, int width, Device device, DeviceIntegers numbers) {
    super(features, width, device, numbers);
    // Matrix units want rows that start at 16 bytes.
    int padded = (width + BESIDE + 7) / 8 * 8;
    try (TensorScope scope = TensorScope.open()) {
      this.rows = Tensor.zeros(DType.BF16, device, features, padded).moveTo(owner);
    }
  }

  @Override
  void refreshAll(Tensor encoder, Tensor bias, Tensor norms, int chunk) {
    for (int start = 0; start < features; start += chunk) {
      int length = Math.min(chunk, features - start);
      try (TensorScope scope = TensorScope.open()) {
        Tensor norm = norms == null ? null : norms.narrow(0, start, length);
        round(
            encoder.narrow(0, start, length),
            bias.narrow(0, start, length),
            norm,
            rows.narrow(0, start, length));
      }
    }
  }

  @Override
  void refreshSome(Tensor changed, Tensor encoder, Tensor bias, Tensor norms, int chunk) {
    int count = Math.toIntExact(changed.elements());
    for (int start = 0; start < count; start += chunk) {
      int length = Math.min(chunk, count - start);
      try (TensorScope scope = TensorScope.open()) {
        Tensor places = changed.narrow(0, start, length);
        Tensor part = Tensor.zeros(DType.BF16, device, length, rows.size(1));
        Tensor norm = norms == null ? null : norms.indexSelect(0, places);
        round(encoder.indexSelect(0, places), bias.indexSelect(0, places), norm, part);
        rows.indexCopy_(0, places, part);
      }
    }
  }

  private void round(Tensor weights, Tensor bias, Tensor norms, Tensor out) {
    Tensor scaled = norms == null ? weights : weights.mul(norms.reshape(-1, 1));
    Tensor offset = norms == null ? bias : bias.mul(norms);
    Tensor rounded = out.narrow(1, 0, width).copy_(scaled);
    put(out, 0, lengths(scaled.sub(rounded)).mul(UP));
    put(out, 1, lengths(scaled).mul(UP * LONGER));
    Tensor high = put(out, 2, offset).to(DType.F32).reshape(-1);
    put(out, 3, offset.sub(high));
    put(out, 4, offset.abs().mul(2 * (0x1p-14 + gamma) * UP).add(1e-30));
  }

  private Tensor put(Tensor out, int column, Tensor values) {
    return out.narrow(1, (long) width + column, 1).copy_(values.reshape(-1, 1));
  }

  @Override
  Tokens tokens(Tensor seen) {
    Tensor out = Tensor.zeros(DType.BF16, device, seen.size(0), rows.size(1));
    Tensor rounded = out.narrow(1, 0, width).copy_(seen);
    Tensor lengths = lengths(seen);
    put(out, 0, lengths.mul(UP));
    put(out, 1, lengths(seen.sub(rounded)).add(lengths.mul(gamma * LONGER)).mul(UP));
    out.narrow(1, width + 2L, 3).fill_(1);
    return new Tokens(out, null);
  }

  @Override
  Tensor bounds(Tokens tokens) {
    return device.isCuda()
        ? tokens.rows().mm(rows.transpose(0, 1), DType.F32)
        // Products of bfloat16 are exact in float32.
        : tokens.rows().to(DType.F32).mm(rows.to(DType.F32).transpose(0, 1));
  }
}
