package io.sluice.engine.torch;

import io.sluice.memory.DType;
import io.sluice.torch.Device;
import io.sluice.torch.ReductionOperators;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.List;

/**
 * The entries of a batch's {@link TorchCodes} grouped by feature, on the device: a stable sort, so
 * that groups ascend by feature and entries of a group by token, and sums are the same in every
 * run.
 *
 * <p>A group is summed in pieces of at most {@link #PIECE} entries, since one group of GPU threads
 * sums each bag: so a feature that fires on every token does not delay the others. The host would
 * have to wait for the number of pieces, so on a GPU there are as many as there can be, and those
 * at the end are empty.
 *
 * @param count features that fired
 * @param features int64 {@code [count]}, ascending
 * @param order the entry at each place; int32 {@code [entries]}
 * @param tokens the token at each place; int32 {@code [entries]}
 * @param bags the bag at each place; int32 {@code [entries]}
 * @param starts where the pieces begin, and all end; int32 {@code [pieces + 1]}
 * @param numbers 0 to {@code pieces − 1}, int32; null if each group is one piece
 * @param ofGroups where each group's pieces begin, int32 {@code [count + 1]}, and on a GPU one more
 *     group of the pieces at the end; null likewise
 */
record TorchGroups(
    int count,
    Tensor features,
    Tensor order,
    Tensor tokens,
    Tensor bags,
    Tensor starts,
    Tensor numbers,
    Tensor ofGroups) {
  /** The longest sum. */
  static final int PIECE = 128;

  /**
   * Groups codes.
   *
   * @param codes with at least one entry
   * @param numbers int64 numbers from 0, more than there are entries
   */
  static TorchGroups of(TorchCodes codes, Tensor numbers) {
    return of(codes.features(), codes.tokens(), codes.bags(), numbers);
  }

  /**
   * Groups entries by feature.
   *
   * @param ofEntries their features, int32
   * @param ofTokens their tokens, int32
   * @param ofBags their bags, int32; may be the same tensor
   * @param numbers as in the other method
   */
  static TorchGroups of(Tensor ofEntries, Tensor ofTokens, Tensor ofBags, Tensor numbers) {
    return of(ofEntries, ofTokens, ofBags, numbers, !ofEntries.device().isCuda());
  }

  /** The same, with the number of pieces read or, without a wait, bounded. */
  static TorchGroups of(
      Tensor ofEntries, Tensor ofTokens, Tensor ofBags, Tensor numbers, boolean waits) {
    ReductionOperators.Selection sorted = ofEntries.sort(0, false);
    ReductionOperators.Runs runs = sorted.values().uniqueConsecutive();
    int count = Math.toIntExact(runs.values().elements());
    Tensor order = sorted.indices().to(DType.I32);
    Tensor tokens = ofTokens.indexSelect(0, order);
    Tensor bags = ofBags == ofTokens ? tokens : ofBags.indexSelect(0, order);
    Tensor none = numbers.narrow(0, 0, 1);
    Tensor ends = runs.counts().cumsum(0);
    Tensor starts = ShapeOperators.cat(List.of(none, ends), 0);
    Tensor features = runs.values().to(DType.I64);
    // LibTorch adds numbers in floating point. Float64 holds these integers exactly, and truncation
    // after a division by a power of two is exact as well.
    Tensor pieces = runs.counts().to(DType.F64).add(PIECE - 1).mul(1.0 / PIECE).to(DType.I64);
    Tensor pieceEnds = pieces.cumsum(0);
    // n entries are 1 + (n − 1) / PIECE pieces, rounded down, of each group.
    int most = count + Math.toIntExact((ofEntries.elements() - count) / PIECE);
    int total = waits ? (int) pieceEnds.narrow(0, count - 1, 1).item() : most;
    if (total == count) {
      return new TorchGroups(
          count, features, order, tokens, bags, starts.to(DType.I32), null, null);
    }
    Tensor piece = numbers.narrow(0, 0, total);
    Tensor last = Tensor.full(count - 1, DType.I64, piece.device(), 1);
    Tensor group = pieceEnds.searchSorted(piece, true).minimum(last);
    Tensor firstPieces = ShapeOperators.cat(List.of(none, pieceEnds), 0);
    Tensor within =
        piece.to(DType.F64).sub(firstPieces.indexSelect(0, group).to(DType.F64)).mul(PIECE);
    Tensor end = ends.narrow(0, count - 1, 1).to(DType.F64);
    Tensor pieceStarts = starts.indexSelect(0, group).to(DType.F64).add(within).minimum(end);
    return new TorchGroups(
        count,
        features,
        order,
        tokens,
        bags,
        ShapeOperators.cat(List.of(pieceStarts, end), 0).to(DType.I32),
        piece.to(DType.I32),
        (waits
                ? firstPieces
                : ShapeOperators.cat(List.of(firstPieces, numbers.narrow(0, most, 1)), 0))
            .to(DType.I32));
  }

  /**
   * The sum over each group, {@code [count]}.
   *
   * @param terms by entry, float32 or float64
   */
  Tensor sum(Tensor terms) {
    return sum(terms.reshape(-1, 1), order, null).reshape(-1);
  }

  /**
   * The sums of terms of each feature, in float64, in the order of entries; on a GPU in pieces.
   *
   * @param features by entry, int32
   * @param terms by entry, float64
   * @param all the number of features
   * @param numbers as for {@link #of}
   * @return {@code [all]}
   */
  static Tensor sums(Tensor features, Tensor terms, int all, Tensor numbers) {
    Device device = terms.device();
    Tensor sums = Tensor.zeros(DType.F64, device, all);
    if (!device.isCuda()) {
      // One thread adds one term after the other. On a GPU the order would be any.
      return sums.scatterAdd_(0, features.to(DType.I64), terms);
    }
    return sumsInGroups(features, terms, sums, numbers);
  }

  /** The same by a sort, into zeros. */
  static Tensor sumsInGroups(Tensor features, Tensor terms, Tensor zeros, Tensor numbers) {
    TorchGroups groups = of(features, features, features, numbers);
    return zeros.indexCopy_(0, groups.features, groups.sum(terms));
  }

  /** The same in a scope that lives longer. */
  TorchGroups moveTo(TensorScope scope) {
    for (Tensor tensor : List.of(features, order, tokens, starts)) {
      tensor.moveTo(scope);
    }
    if (bags != tokens) {
      bags.moveTo(scope);
    }
    if (numbers != null) {
      numbers.moveTo(scope);
      ofGroups.moveTo(scope);
    }
    return this;
  }

  /**
   * {@code Σ weights[p] · table[indices[p]]} over the places {@code p} of each group.
   *
   * @param indices int32 {@code [entries]}
   * @param weights float32 {@code [entries]}; null for ones
   * @return {@code [count, table's width]}
   */
  Tensor sum(Tensor table, Tensor indices, Tensor weights) {
    Tensor sums = table.embeddingBag(indices, starts, weights);
    return ofGroups == null ? sums : sums.embeddingBag(numbers, ofGroups, null).narrow(0, 0, count);
  }
}
