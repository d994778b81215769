package io.sluice.engine.torch;

import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.torch.transfer.HostScratch;
import io.sluice.engine.torch.transfer.TorchTransfer;
import io.sluice.memory.DType;
import io.sluice.torch.Device;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.ArrayList;
import java.util.List;

/** Selects the largest of a whole batch, which may be a different number of each token. */
final class TorchBatchSelection {
  private final EngineSpec spec;
  private final Device device;
  private final HostScratch scratch;
  private final Tensor encoder;
  private final Tensor encoderBias;
  private final DeviceIntegers numbers;
  private final EncoderProduct product;
  private final TorchScreens screens;
  private final TorchProposals proposals;
  private final int chunkRows;

  TorchBatchSelection(
      EngineSpec spec,
      TorchTransfer transfer,
      Tensor encoder,
      Tensor encoderBias,
      DeviceIntegers numbers,
      EncoderProduct product,
      TorchScreens screens,
      TorchProposals proposals) {
    this(
        spec,
        transfer,
        encoder,
        encoderBias,
        numbers,
        product,
        screens,
        proposals,
        proposals.chunkRows());
  }

  /** Like the other, with so many tokens multiplied at once. */
  TorchBatchSelection(
      EngineSpec spec,
      TorchTransfer transfer,
      Tensor encoder,
      Tensor encoderBias,
      DeviceIntegers numbers,
      EncoderProduct product,
      TorchScreens screens,
      TorchProposals proposals,
      int chunkRows) {
    this.spec = spec;
    this.device = transfer.device();
    this.scratch = transfer.scratch();
    this.encoder = encoder;
    this.encoderBias = encoderBias;
    this.numbers = numbers;
    this.product = product;
    this.screens = screens;
    this.proposals = proposals;
    this.chunkRows = chunkRows;
  }

  @FunctionalInterface
  private interface Chunk {
    /**
     * Takes the activations and scores, {@code [rows, features]}, of the rows from {@code start}.
     */
    void take(int start, Tensor activation, Tensor score);
  }

  private void forChunks(Tensor seen, Tensor norms, Chunk body) {
    int count = Math.toIntExact(seen.size(0));
    for (int start = 0; start < count; start += chunkRows) {
      int length = Math.min(chunkRows, count - start);
      try (TensorScope scope = TensorScope.open()) {
        Tensor activation = product.of(seen.narrow(0, start, length));
        body.take(start, activation, norms == null ? activation : activation.mul(norms));
      }
    }
  }

  /**
   * Codes of a batch of which so many are kept.
   *
   * @param least the lowest score among them, float32 of one element; null if there are none
   */
  record Largest(TorchCodes codes, Tensor least) {}

  /**
   * The {@code k} times as many as tokens that are the largest of all; of equal scores at the edge,
   * those of the first tokens and features. In bfloat16, where equal ones are frequent, it may be
   * any of them.
   *
   * @param codes where an activation that is no number is named
   * @param results the innermost scope, in which the codes are made
   */
  Largest keepLargest(
      Tensor seen, int k, Tensor norms, int chunk, Codes codes, TensorScope results) {
    if (product.isRounded() || !screens.areExact()) {
      return keepLargestOfProduct(seen, k, norms, codes, results);
    }
    int count = Math.toIntExact(seen.size(0));
    boolean screened = proposals.screens(k);
    TorchProposals.Best all = proposals.propose(seen, k, 0, norms, false, screened, chunk);
    Tensor scores =
        norms == null
            ? all.values()
            : all.values().mul(TorchSelection.factorsOf(all.features(), norms));
    long each = scores.size(1);
    long wanted = (long) count * k;
    Tensor edge =
        scores.reshape(-1).topk(wanted, 0, false).values().amin(false, 0).reshape(1).relu();
    TorchEntries entries =
        new TorchEntries(
            TorchProposals.eachOf(numbers.wholeTo(count), each),
            all.features().reshape(-1),
            all.values().reshape(-1),
            scores.reshape(-1));
    if (each < spec.features()) {
      Tensor open = all.least().lt(edge).not();
      int failed = (int) open.sum().item();
      if (screened) {
        proposals.proposeLess(failed == 0);
        proposals.proposeMore(failed, count);
      }
      if (failed > 0) {
        entries = mended(seen, norms, entries, open, edge, failed, results);
      }
    }
    return largest(entries, count, wanted, codes);
  }

  /** {@link #keepLargest} of what the product gives. */
  private Largest keepLargestOfProduct(
      Tensor seen, int k, Tensor norms, Codes codes, TensorScope results) {
    int count = Math.toIntExact(seen.size(0));
    long wanted = (long) count * k;
    List<TorchEntries> all = new ArrayList<>();
    forChunks(
        seen,
        norms,
        (start, activation, score) -> {
          Tensor flat = score.reshape(-1);
          Tensor places = flat.topk(Math.min(wanted, flat.elements()), 0, false).indices();
          TorchEntries.Places at = TorchEntries.Places.of(places, spec.features());
          Tensor values = activation.reshape(-1).indexSelect(0, places).to(DType.F32);
          Tensor scores = norms == null ? values : flat.indexSelect(0, places).to(DType.F32);
          all.add(
              new TorchEntries(at.tokensFrom(start), at.features(), values, scores)
                  .moveTo(results));
        });
    return largest(TorchEntries.joined(all), count, wanted, codes);
  }

  /** With the entries of tokens that are open replaced by all that may be at the edge or above. */
  private TorchEntries mended(
      Tensor seen,
      Tensor norms,
      TorchEntries entries,
      Tensor open,
      Tensor edge,
      int failed,
      TensorScope results) {
    Tensor closedPlaces =
        open.not().to(DType.I32).indexSelect(0, entries.tokens()).nonzero().reshape(-1);
    List<TorchEntries> all = new ArrayList<>(List.of(entries.at(closedPlaces)));
    Tensor failures = open.nonzero().reshape(-1);
    // Rounding in the product may make a score slightly lower than its exact value. A score that is
    // not positive is no code.
    Tensor least = Tensor.full(Float.MIN_NORMAL, DType.F32, device, 1);
    Tensor bound = edge.mul(1 - 1e-3).maximum(least);
    for (int start = 0; start < failed; start += chunkRows) {
      int length = Math.min(chunkRows, failed - start);
      Tensor places = failures.narrow(0, start, length);
      Tensor found;
      try (TensorScope scope = TensorScope.open()) {
        // Not (score < bound), which would pass over NaN.
        Tensor product = proposals.scores(seen.indexSelect(0, places), norms);
        found = product.lt(bound).not().nonzero().moveTo(results);
      }
      if (found.size(0) == 0) {
        continue;
      }
      Tensor tokens = places.indexSelect(0, found.select(1, 0).contiguous());
      Tensor features = found.select(1, 1).contiguous();
      Tensor values = TorchEntries.products(seen, tokens, features, encoder, encoderBias, numbers);
      Tensor scores = norms == null ? values : values.mul(norms.indexSelect(0, features));
      all.add(new TorchEntries(tokens.to(DType.I32), features, values, scores));
    }
    return TorchEntries.joined(all);
  }

  private Largest largest(TorchEntries entries, int count, long wanted, Codes onHost) {
    // Float64 holds these whole numbers exactly.
    Tensor places =
        entries
            .tokens()
            .to(DType.F64)
            .mul(spec.features())
            .add(entries.features().to(DType.F64))
            .to(DType.I64);
    TorchEntries inOrder = entries.at(places.sort(0, false).indices());
    Tensor best = inOrder.scores().sort(0, true).indices();
    long some = Math.min(wanted, best.elements());
    TorchEntries kept = inOrder.at(best.narrow(0, 0, some).sort(0, false).values());
    Tensor zero = Tensor.zeros(DType.F32, device, 1);
    // Not (score > 0), which would pass over NaN.
    Tensor positive = kept.scores().le(zero).not();
    Tensor noNumber = kept.scores().ne(kept.scores());
    long[] counts = ShapeOperators.stack(List.of(positive.sum(), noNumber.sum()), 0).toLongs();
    if (counts[0] < some) {
      kept = kept.at(positive.nonzero().reshape(-1));
    }
    TorchCodes codes = kept.codes(count, numbers);
    if (counts[1] > 0) {
      codes.copyTo(onHost, scratch);
    }
    return new Largest(codes, counts[0] == 0 ? null : kept.scores().amin(false, 0));
  }
}
