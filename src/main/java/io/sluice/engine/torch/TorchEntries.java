package io.sluice.engine.torch;

import io.sluice.memory.DType;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.List;

/**
 * Pairs of a token and a feature with their activations, all flat.
 *
 * @param tokens int32
 * @param features int64
 * @param values float32
 * @param scores float32; the same tensor as {@code values} unless features are scored by norms
 */
record TorchEntries(Tensor tokens, Tensor features, Tensor values, Tensor scores) {

  /** The pairs at places of a matrix {@code [tokens, features]}, which count row after row. */
  record Places(Tensor tokens, Tensor features) {
    /**
     * Finds them.
     *
     * @param places int64, flat
     * @return int64
     */
    static Places of(Tensor places, int features) {
      // LibTorch's arithmetic with a number is of floating type; the half keeps the quotient from
      // below, and float64 is exact here.
      Tensor place = places.to(DType.F64);
      Tensor token = place.add(0.5).mul(1.0 / features).to(DType.I64);
      return new Places(token, place.sub(token.to(DType.F64).mul(features)).to(DType.I64));
    }

    /** The tokens of pairs whose rows begin at token {@code start} of the batch; int32. */
    Tensor tokensFrom(int start) {
      return tokens.to(DType.F64).add(start).to(DType.I32);
    }
  }

  /**
   * The pre-activation of each pair as one dot product in float32, so that it does not depend on
   * what other pairs there are.
   *
   * @param rows float32 {@code [n, width]}, read where they lie: on a CPU, the last bit of a
   *     product depends on the place in memory
   * @param tokens rows of pairs, int64, ascending; at least one
   * @param features int64
   */
  static Tensor products(
      Tensor rows,
      Tensor tokens,
      Tensor features,
      Tensor encoder,
      Tensor encoderBias,
      DeviceIntegers numbers) {
    Tensor starts = tokens.searchSorted(numbers.upTo(rows.size(0) + 1), false);
    return rows.bagProducts(
            encoder, features.to(DType.I32), starts.to(DType.I32), tokens.to(DType.I32))
        .add(encoderBias.indexSelect(0, features));
  }

  static TorchEntries joined(List<TorchEntries> all) {
    return new TorchEntries(
        ShapeOperators.cat(all.stream().map(TorchEntries::tokens).toList(), 0),
        ShapeOperators.cat(all.stream().map(TorchEntries::features).toList(), 0),
        ShapeOperators.cat(all.stream().map(TorchEntries::values).toList(), 0),
        ShapeOperators.cat(all.stream().map(TorchEntries::scores).toList(), 0));
  }

  TorchEntries at(Tensor places) {
    return new TorchEntries(
        tokens.indexSelect(0, places),
        features.indexSelect(0, places),
        values.indexSelect(0, places),
        scores.indexSelect(0, places));
  }

  /** The same in a scope that lives longer. */
  TorchEntries moveTo(TensorScope scope) {
    List.of(tokens, features, values, scores).forEach(tensor -> tensor.moveTo(scope));
    return this;
  }

  /**
   * As codes of {@code rows} tokens.
   *
   * @param numbers integers on the device
   */
  TorchCodes codes(int rows, DeviceIntegers numbers) {
    return TorchCodes.ofTokens(rows, features.to(DType.I32), values, tokens, numbers);
  }
}
