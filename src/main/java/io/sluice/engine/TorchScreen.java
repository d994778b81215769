package io.sluice.engine;

import io.sluice.torch.DType;
import io.sluice.torch.Device;
import io.sluice.torch.ReductionOperators;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.List;

/**
 * Upper bounds of pre-activations from one product in bfloat16, which matrix units do many times as
 * fast as one in float32.
 *
 * <p>Let {@code w̃} and {@code x̃} be a feature's row and a token in bfloat16, {@code δw = w − w̃} and
 * {@code δx = x − x̃} what rounding left out. Then, by Cauchy and Schwarz,
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
 * Lengths are rounded up: times {@code 1 + 2⁻⁶}, where rounding to bfloat16 takes {@code 2⁻⁸} at the
 * most. What float32 loses in sums of {@code n} terms is at most {@code γ = n·2⁻²¹} of the sum of
 * their magnitudes, in whatever order, truncated or rounded, for the bound and for the value that it
 * is compared with together. The slack, {@code 2(2⁻¹⁴ + γ)·|b| + 10⁻³⁰}, is what the bias loses in
 * two parts and in those sums, and what may be lost below the least normal number.
 *
 * <p>Where features are ranked by {@code f · ‖W_D[j]‖}, rows and biases are multiplied by that norm
 * beforehand.
 */
final class TorchScreen {
  /** Columns beside those of the row. */
  private static final int BESIDE = 5;

  private static final double UP = 1 + 1.0 / 64;

  private final Device device;
  private final int width;
  private final int features;
  private final double gamma;
  private final Numbers numbers;
  private final Tensor rows;
  private boolean stale = true;

  /** A screen of {@code features} rows; {@code owner} frees its memory. */
  TorchScreen(int features, int width, Device device, Numbers numbers, TensorScope owner) {
    this.device = device;
    this.numbers = numbers;
    this.width = width;
    this.features = features;
    // Matrix units want rows that start at 16 bytes.
    int padded = (width + BESIDE + 7) / 8 * 8;
    this.gamma = padded * 0x1p-21;
    try (TensorScope scope = TensorScope.open()) {
      this.rows = Tensor.zeros(DType.BF16, device, features, padded).moveTo(owner);
    }
  }

  /** Weights have changed. */
  void invalidate() {
    stale = true;
  }

  /** Whether some weights have changed since they were rounded. */
  boolean isStale() {
    return stale;
  }

  /**
   * Rounds all rows.
   *
   * @param norms of the decoder rows where they rank; else null
   * @param chunk rows at a time
   */
  void refresh(Tensor encoder, Tensor bias, Tensor norms, int chunk) {
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
    stale = false;
  }

  /** Rounds the rows of some features again, of which {@code changed}, int64, has the numbers. */
  void refresh(Tensor changed, Tensor encoder, Tensor bias, Tensor norms, int chunk) {
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
    Tensor rounded = out.narrow(1, 0, width).copy_(scaled).to(DType.F32);
    put(out, 0, lengths(scaled.sub(rounded)));
    put(out, 1, lengths(rounded));
    Tensor high = put(out, 2, offset).to(DType.F32).reshape(-1);
    put(out, 3, offset.sub(high));
    put(out, 4, offset.abs().mul(2 * (0x1p-14 + gamma) * UP).add(1e-30));
  }

  private Tensor put(Tensor out, int column, Tensor values) {
    return out.narrow(1, (long) width + column, 1).copy_(values.reshape(-1, 1));
  }

  /** Upper bounds of the lengths of rows; squares that float32 cannot hold count as the least. */
  private Tensor lengths(Tensor of) {
    Tensor rows = of.contiguous();
    Tensor each = numbers.upTo(rows.size(0) + 1).to(DType.I32);
    Tensor numbers = each.narrow(0, 0, rows.size(0));
    return rows.bagProducts(rows, numbers, each, numbers)
        .add(width * 0x1p-125)
        .sqrt_()
        .mul(UP);
  }

  /** Tokens, float32 {@code [n, width]}, as the screen multiplies them; bfloat16. */
  Tensor tokens(Tensor seen) {
    Tensor out = Tensor.zeros(DType.BF16, device, seen.size(0), rows.size(1));
    Tensor rounded = out.narrow(1, 0, width).copy_(seen).to(DType.F32);
    put(out, 0, lengths(seen));
    put(out, 1, lengths(seen.sub(rounded)).add(lengths(rounded).mul(gamma)).mul(UP));
    out.narrow(1, width + 2L, 3).fill_(1);
    return out;
  }

  /**
   * The features with the largest bounds.
   *
   * @param tokens some rows of {@link #tokens}
   * @return bounds and features, {@code [n, count]}, in any order
   */
  ReductionOperators.Selection propose(Tensor tokens, int count) {
    Tensor bounds =
        device.isCuda()
            ? tokens.mm(rows.transpose(0, 1), DType.F32)
            // Products of bfloat16 are exact in float32.
            : tokens.to(DType.F32).mm(rows.to(DType.F32).transpose(0, 1));
    return largest(bounds, count);
  }

  /**
   * The {@code count} largest elements of each row, in two stages: those of the groups of columns
   * with the largest maxima, which alone can hold them. That reads the matrix once.
   */
  static ReductionOperators.Selection largest(Tensor matrix, int count) {
    long n = matrix.size(0);
    long columns = matrix.size(1);
    int group = 32;
    long groups = columns / group;
    if (groups < 2L * count) {
      return matrix.topk(count, 1, false);
    }
    // Group g has the columns g, g + groups, …, so that neighbours are read together.
    Tensor grouped = matrix.narrow(1, 0, groups * group).reshape(n, group, groups);
    Tensor best = grouped.amax(false, 1).topk(count, 1, false).indices();
    Tensor chosen = best.reshape(n, 1, count).expand(n, group, count);
    Tensor values = grouped.gather(2, chosen).reshape(n, (long) group * count);
    long rest = columns - groups * group;
    if (rest > 0) {
      values = ShapeOperators.cat(List.of(values, matrix.narrow(1, groups * group, rest)), 1);
    }
    ReductionOperators.Selection top = values.topk(count, 1, false);
    // Place p of a row is element p / count of group best[p % count], or one of the rest. LibTorch's
    // arithmetic with a number is of floating type; the half keeps the quotient from below.
    Tensor place = top.indices().to(DType.F64);
    Tensor element = place.add(0.5).mul(1.0 / count).to(DType.I64).to(DType.F64);
    Tensor within = place.sub(element.mul(count)).to(DType.I64);
    Tensor column = best.gather(1, within).to(DType.F64).add(element.mul(groups));
    if (rest > 0) {
      Tensor beyond = place.ge(Tensor.full((double) group * count, DType.F64, matrix.device(), 1));
      column = beyond.where(place.add((double) group * (groups - count)), column);
    }
    return new ReductionOperators.Selection(top.values(), column.to(DType.I64));
  }
}
