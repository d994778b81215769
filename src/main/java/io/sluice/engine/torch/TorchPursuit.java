package io.sluice.engine.torch;

import io.sluice.engine.arithmetic.DeviceCodes;
import io.sluice.engine.arithmetic.DevicePursuit;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.torch.Device;
import io.sluice.torch.ReductionOperators;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.ArrayList;
import java.util.List;

/**
 * Matching pursuit on the device, for all tokens of a batch at a time: in each iteration those that
 * still search. The formulas are those of {@code MatchingPursuit}, and numbers are rounded where it
 * rounds them; sums in float64 are in another order.
 */
final class TorchPursuit implements DevicePursuit {
  private final EngineSpec spec;
  private final TorchBatch batch;
  private final Tensor decoder;
  private final DeviceIntegers numbers;
  private final Device device;
  private final int chunkRows;

  /** Tokens whose vectors are in float64 at once: what a cache holds, or fills a GPU. */
  private final int rowsAtOnce;

  /**
   * A pursuit.
   *
   * @param chunkRows how many tokens are multiplied at once
   */
  TorchPursuit(
      EngineSpec spec, TorchBatch batch, Tensor decoder, DeviceIntegers numbers, int chunkRows) {
    this.spec = spec;
    this.batch = batch;
    this.decoder = decoder;
    this.numbers = numbers;
    this.device = decoder.device();
    this.chunkRows = chunkRows;
    this.rowsAtOnce = Math.max(16, (device.isCuda() ? 1 << 24 : 1 << 14) / spec.outputWidth());
  }

  /**
   * The picks of a batch.
   *
   * @param features of each iteration, int64 {@code [n]}; −1 for tokens that had ended
   * @param amounts of each iteration, float32 {@code [n]}; 0 for those
   * @param residuals what is left, float32 {@code [n, width]}
   */
  record Picks(List<Tensor> features, List<Tensor> amounts, Tensor residuals) {
    Picks moveTo(TensorScope scope) {
      features.forEach(tensor -> tensor.moveTo(scope));
      amounts.forEach(tensor -> tensor.moveTo(scope));
      residuals.moveTo(scope);
      return this;
    }
  }

  // ---- codes ----

  @Override
  public DeviceCodes encode(Rows input, int iterations, double residual) {
    try (TensorScope scope = TensorScope.open()) {
      batch.start(input);
      Picks picks = new Picks(new ArrayList<>(), new ArrayList<>(), batch.seen.copy());
      Tensor searching = numbers.upTo(input.count()).copy();
      for (int t = 0; t < iterations && searching.elements() > 0; t++) {
        try (TensorScope inner = TensorScope.open()) {
          searching = pick(picks, searching, residual, scope).moveTo(scope);
        }
      }
      requireFinite(picks);
      batch.picks = batch.keep(picks);
      return batch.keepCodes(codes(picks, input.count()), null);
    }
  }

  /** One iteration of the tokens {@code searching}; returns those that go on. */
  private Tensor pick(Picks picks, Tensor searching, double least, TensorScope results) {
    int all = Math.toIntExact(batch.seen.size(0));
    Tensor zero = Tensor.zeros(DType.F32, device, 1);
    Tensor before = picks.residuals.indexSelect(0, searching);
    ReductionOperators.Selection best = best(before);
    Tensor features = best.indices();
    Step step = remove(before, features, best.values());
    Tensor added = step.added();
    Tensor amounts = step.amounts();
    picks.residuals.indexCopy_(0, searching, step.after());
    Tensor none = Tensor.full(-1, DType.I64, device, 1);
    Tensor goesOn = added.bitwiseAnd(step.lengths().ge(Tensor.full(least, DType.F64, device, 1)));
    if (!picks.features.isEmpty()) {
      Tensor earlier = ShapeOperators.stack(picks.features, 0).indexSelect(1, searching);
      Tensor again = earlier.eq(features).to(DType.I64).sum(false, 0);
      goesOn = goesOn.bitwiseAnd(again.eq(Tensor.zeros(DType.I64, device, 1)));
    }
    picks.features.add(
        Tensor.full(-1, DType.I64, device, all)
            .indexCopy_(0, searching, added.where(features, none))
            .moveTo(results));
    picks.amounts.add(
        Tensor.zeros(DType.F32, device, all)
            .indexCopy_(0, searching, added.where(amounts, zero))
            .moveTo(results));
    return searching.indexSelect(0, goesOn.nonzero().reshape(-1));
  }

  /**
   * What a pick leaves.
   *
   * @param added whether there was one, bool {@code [n]}
   * @param amounts float32 {@code [n]}
   * @param after the residuals, float32 {@code [n, width]}
   * @param lengths of these, float64 {@code [n]}
   */
  private record Step(Tensor added, Tensor amounts, Tensor after, Tensor lengths) {}

  /** Removes the part along each token's feature, if its product with the feature is positive. */
  private Step remove(Tensor before, Tensor features, Tensor products) {
    int count = Math.toIntExact(before.size(0));
    Tensor amounts = Tensor.empty(DType.F32, device, count);
    Tensor after = Tensor.empty(DType.F32, device, count, before.size(1));
    Tensor lengths = Tensor.empty(DType.F64, device, count);
    for (int start = 0; start < count; start += rowsAtOnce) {
      int length = Math.min(rowsAtOnce, count - start);
      try (TensorScope inner = TensorScope.open()) {
        Tensor part = before.narrow(0, start, length);
        Tensor rows = decoder.indexSelect(0, features.narrow(0, start, length)).to(DType.F64);
        Tensor wide = part.to(DType.F64);
        Tensor amount = wide.mul(rows).sum(false, 1).to(DType.F32);
        Tensor added = added(products.narrow(0, start, length), amount);
        Tensor rest =
            added
                .reshape(length, 1)
                .where(
                    wide.sub(rows.mul(amount.to(DType.F64).reshape(length, 1))).to(DType.F32),
                    part);
        amounts.narrow(0, start, length).copy_(amount);
        after.narrow(0, start, length).copy_(rest);
        lengths.narrow(0, start, length).copy_(rest.to(DType.F64).square().sum(false, 1).sqrt_());
      }
    }
    return new Step(added(products, amounts), amounts, after, lengths);
  }

  /** Where there is a pick; an amount of NaN is one, and an error. */
  private Tensor added(Tensor products, Tensor amounts) {
    Tensor zero = Tensor.zeros(DType.F32, device, 1);
    return products.gt(zero).bitwiseAnd(amounts.le(zero).not());
  }

  /** The feature of the largest product with each vector, and that product. */
  private ReductionOperators.Selection best(Tensor vectors) {
    int count = Math.toIntExact(vectors.size(0));
    Tensor none = Tensor.zeros(DType.F32, device, spec.features());
    Tensor features = Tensor.empty(DType.I64, device, count);
    Tensor products = Tensor.empty(DType.F32, device, count);
    for (int start = 0; start < count; start += chunkRows) {
      int length = Math.min(chunkRows, count - start);
      try (TensorScope inner = TensorScope.open()) {
        ReductionOperators.Selection top =
            vectors.narrow(0, start, length).linear(decoder, none).topk(1, 1, false);
        features.narrow(0, start, length).copy_(top.indices().reshape(-1));
        products.narrow(0, start, length).copy_(top.values().reshape(-1));
      }
    }
    return new ReductionOperators.Selection(products, features);
  }

  private static void requireFinite(Picks picks) {
    Tensor amounts = ShapeOperators.stack(picks.amounts, 0);
    if (amounts.isFinite().all().item() != 0) {
      return;
    }
    float[] values = amounts.toFloats();
    int row = 0;
    int tokens = Math.toIntExact(amounts.size(1));
    while (Float.isFinite(values[row])) {
      row++;
    }
    throw new IllegalStateException(
        "feature "
            + ShapeOperators.stack(picks.features, 0).toLongs()[row]
            + " has activation "
            + values[row]
            + " for row "
            + row % tokens
            + " of the batch: the input or the weights are not finite");
  }

  /** Each token's features in ascending order; one that was picked twice has both amounts. */
  private TorchCodes codes(Picks picks, int tokens) {
    int features = spec.features();
    Tensor chosen = byToken(picks.features);
    Tensor places = chosen.ge(Tensor.zeros(DType.I64, device, 1)).nonzero().reshape(-1);
    int count = Math.toIntExact(places.elements());
    if (count == 0) {
      Tensor none = Tensor.zeros(DType.I32, device, 0);
      return TorchCodes.ofTokens(
          tokens, none, Tensor.zeros(DType.F32, device, 0), none.copy(), numbers);
    }
    Tensor token =
        TorchProposals.eachOf(numbers.upTo(tokens), picks.features.size())
            .indexSelect(0, places)
            .to(DType.F64);
    // LibTorch's arithmetic with a number is of floating type; float64 is exact here.
    Tensor pairs =
        token.mul(features).add(chosen.indexSelect(0, places).to(DType.F64)).to(DType.I64);
    TorchGroups same = TorchGroups.of(pairs, pairs, pairs, numbers.upTo(count + 1L));
    Tensor values = same.sum(byToken(picks.amounts).indexSelect(0, places));
    // The half keeps the quotient from below.
    Tensor pair = same.features().to(DType.F64);
    Tensor owner = pair.add(0.5).mul(1.0 / features).to(DType.I64).to(DType.F64);
    return TorchCodes.ofTokens(
        tokens, pair.sub(owner.mul(features)).to(DType.I32), values, owner.to(DType.I32), numbers);
  }

  /** The numbers of all iterations, token after token. */
  private static Tensor byToken(List<Tensor> iterations) {
    return ShapeOperators.stack(iterations, 1).reshape(-1);
  }

  // ---- gradients ----

  @Override
  public void formGradients() {
    try (TensorScope scope = TensorScope.open()) {
      batch.formed = batch.keep(gradients(batch.picks));
    }
  }

  private TorchAdam.Gradients gradients(Picks picks) {
    int iterations = picks.features.size();
    long tokens = picks.residuals.size(0);
    long width = picks.residuals.size(1);
    // The last pick of each token first, which is the order of the sums.
    Tensor parts = Tensor.empty(DType.F32, device, iterations, tokens, width);
    Tensor ofBiases = Tensor.empty(DType.F32, device, tokens, width);
    for (long start = 0; start < tokens; start += rowsAtOnce) {
      long length = Math.min(rowsAtOnce, tokens - start);
      try (TensorScope inner = TensorScope.open()) {
        goBack(picks, start, length, parts.narrow(1, start, length), ofBiases);
      }
    }
    Tensor ofBias = ofBiases.sum(false, 0);
    Tensor none = Tensor.zeros(DType.I64, device, 1);
    Tensor chosen = byToken(picks.features.reversed());
    Tensor places = chosen.ge(none).nonzero().reshape(-1);
    int count = Math.toIntExact(places.elements());
    if (count == 0) {
      return TorchAdam.Gradients.ofBias(ofBias);
    }
    Tensor ofPart =
        numbers
            .wholeTo(iterations * tokens)
            .reshape(iterations, tokens)
            .transpose(0, 1)
            .contiguous()
            .reshape(-1)
            .indexSelect(0, places);
    TorchGroups groups =
        TorchGroups.of(chosen.indexSelect(0, places), ofPart, ofPart, numbers.upTo(count + 1L));
    Tensor ofRows = groups.sum(parts.reshape(iterations * tokens, width), groups.tokens(), null);
    // The encoder has no gradient and never had one, so that it stays where it is.
    return new TorchAdam.Gradients(
        groups.features(),
        Tensor.zeros(DType.F32, device, groups.count(), spec.inputWidth()),
        Tensor.zeros(DType.F32, device, groups.count()),
        ofRows,
        ofBias);
  }

  /**
   * Goes back through the picks of some tokens.
   *
   * @param parts gets what each pick adds to the gradient of its decoder row, the last first
   * @param ofBiases gets what each token adds to that of the decoder bias
   */
  private void goBack(Picks picks, long start, long length, Tensor parts, Tensor ofBiases) {
    int iterations = picks.features.size();
    Tensor none = Tensor.zeros(DType.I64, device, 1);
    Tensor gradient = batch.residualGradient.narrow(0, start, length).to(DType.F64);
    Tensor later = Tensor.zeros(DType.F64, device, length, gradient.size(1));
    Tensor before = picks.residuals.narrow(0, start, length).to(DType.F64);
    for (int t = iterations - 1; t >= 0; t--) {
      try (TensorScope inner = TensorScope.open()) {
        Tensor features = picks.features.get(t).narrow(0, start, length);
        Tensor picked = features.ge(none);
        Tensor rows = decoder.indexSelect(0, picked.where(features, none)).to(DType.F64);
        Tensor amounts =
            picks.amounts.get(t).narrow(0, start, length).to(DType.F64).reshape(length, 1);
        Tensor own = gradient.sub(later);
        Tensor ofAmounts = own.mul(rows).sum(true, 1).mul(picked.to(DType.F64).reshape(length, 1));
        before.copy_(before.add(rows.mul(amounts)));
        parts.select(0, iterations - 1L - t).copy_(own.mul(amounts).add(before.mul(ofAmounts)));
        later.copy_(later.add(rows.mul(ofAmounts)));
      }
    }
    ofBiases
        .narrow(0, start, length)
        .copy_(spec.subtractDecoderBias() ? gradient.sub(later) : gradient);
  }
}
