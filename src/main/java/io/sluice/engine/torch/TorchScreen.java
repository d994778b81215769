package io.sluice.engine.torch;

import io.sluice.memory.DType;
import io.sluice.torch.Device;
import io.sluice.torch.ReductionOperators;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.List;

/**
 * Upper bounds of pre-activations from a product on matrix units, which are many times as fast as
 * float32 is. Where features are scored by {@code f · ‖W_D[j]‖}, bounds are of the score.
 */
abstract sealed class TorchScreen permits Bfloat16Screen, TensorFloat32Screen {
  final Device device;
  final int width;
  final int features;

  /**
   * The error of float32 sums of as many terms as a row has, as a share of the sum of their
   * absolute values: in any order, truncated or rounded, for the bound and the value that it is
   * compared with together.
   */
  final double gamma;

  final DeviceIntegers numbers;

  /** Frees what the screen keeps. */
  final TensorScope owner = TensorScope.detached();

  private boolean stale = true;

  TorchScreen(int features, int width, Device device, DeviceIntegers numbers) {
    this.device = device;
    this.width = width;
    this.features = features;
    this.numbers = numbers;
    this.gamma = (width + 16) * 0x1p-21;
  }

  /** Any weight may have changed. */
  final void invalidate() {
    stale = true;
  }

  /** Reads the current weights, unless none has changed. */
  final void refresh(Tensor encoder, Tensor bias, Tensor norms, int chunk) {
    if (stale) {
      refreshAll(encoder, bias, norms, chunk);
      stale = false;
    }
  }

  /** Reads some rows again, whose numbers are in {@code changed}, int64; no other changed. */
  final void refresh(Tensor changed, Tensor encoder, Tensor bias, Tensor norms, int chunk) {
    if (!stale) {
      refreshSome(changed, encoder, bias, norms, chunk);
    }
  }

  /**
   * Reads all weights.
   *
   * @param norms of the decoder rows where features are scored by them; else null
   * @param chunk rows at a time
   */
  abstract void refreshAll(Tensor encoder, Tensor bias, Tensor norms, int chunk);

  /** Reads the weights of the features {@code changed}. */
  abstract void refreshSome(Tensor changed, Tensor encoder, Tensor bias, Tensor norms, int chunk);

  /** A batch of tokens, float32 {@code [n, width]}, as the screen multiplies it. */
  abstract Tokens tokens(Tensor seen);

  /** The bounds of some tokens, float32 {@code [n, features]}; a new tensor. */
  abstract Tensor bounds(Tokens tokens);

  /** Frees the screen. */
  final void close() {
    owner.close();
  }

  /**
   * Tokens for a product.
   *
   * @param rows what is multiplied, a row for each
   * @param beside more about each; null if there is none
   */
  record Tokens(Tensor rows, Tensor beside) {
    Tokens narrow(int start, int length) {
      return new Tokens(
          rows.narrow(0, start, length), beside == null ? null : beside.narrow(0, start, length));
    }
  }

  /**
   * Upper bounds of the lengths of rows. A square that float32 cannot hold counts as the least that
   * it can.
   */
  final Tensor lengths(Tensor of) {
    Tensor each = numbers.wholeTo(of.size(0) + 1);
    Tensor number = each.narrow(0, 0, of.size(0));
    return of.bagProducts(of, number, each, number).add(width * 0x1p-125).sqrt_().mul(1 + 0x1p-10);
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
    // Place p of a row is element p / count of group best[p % count], or one of the rest.
    // LibTorch's
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
