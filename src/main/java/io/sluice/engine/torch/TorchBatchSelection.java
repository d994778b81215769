package io.sluice.engine.torch;

import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.memory.DType;
import io.sluice.torch.Device;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.ArrayList;
import java.util.List;

/**
 * Selections that keep a different number of features of each token: all above thresholds, and the
 * largest of a whole batch.
 */
final class TorchBatchSelection {
  private final EngineSpec spec;
  private final Device device;
  private final HostScratch scratch;
  private final Tensor encoder;
  private final Tensor encoderBias;
  private final DeviceIntegers numbers;
  private final EncoderProduct product;
  private final TorchProposals proposals;
  private final int chunkRows;

  TorchBatchSelection(
      EngineSpec spec,
      TorchTransfer transfer,
      Tensor encoder,
      Tensor encoderBias,
      DeviceIntegers numbers,
      EncoderProduct product,
      TorchProposals proposals) {
    this(spec, transfer, encoder, encoderBias, numbers, product, proposals, proposals.chunkRows());
  }

  /** Like the other, with so many tokens multiplied at once. */
  TorchBatchSelection(
      EngineSpec spec,
      TorchTransfer transfer,
      Tensor encoder,
      Tensor encoderBias,
      DeviceIntegers numbers,
      EncoderProduct product,
      TorchProposals proposals,
      int chunkRows) {
    this.spec = spec;
    this.device = transfer.device();
    this.scratch = transfer.scratch();
    this.encoder = encoder;
    this.encoderBias = encoderBias;
    this.numbers = numbers;
    this.product = product;
    this.proposals = proposals;
    this.chunkRows = chunkRows;
  }

  // ---- thresholds ----

  /**
   * All whose score is above their bound, in the order of tokens and features.
   *
   * @param seen float32 {@code [n, width]}
   * @param bounds float32 {@code [features]}
   * @param norms of the decoder rows, where features are scored by them; else null
   * @param results the innermost scope, in which the codes are made
   */
  TorchCodes keepAbove(Tensor seen, Tensor bounds, Tensor norms, TensorScope results) {
    int count = Math.toIntExact(seen.size(0));
    List<Entries> all = new ArrayList<>();
    forChunks(
        seen,
        norms,
        (start, activation, score) -> {
          Tensor places = score.gt(bounds).reshape(-1).nonzero().reshape(-1);
          all.add(entries(start, activation, score, places).moveTo(results));
        });
    Entries found = joined(all);
    return TorchCodes.ofTokens(
        count, found.features.to(DType.I32), found.values, found.tokens, numbers);
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

  /** The entries at places of a chunk's matrices, which count row after row. */
  private Entries entries(int start, Tensor activation, Tensor score, Tensor places) {
    int features = spec.features();
    // LibTorch's arithmetic with a number is of floating type; the half keeps the quotient from
    // below, and float64 is exact here.
    Tensor place = places.to(DType.F64);
    Tensor token = place.add(0.5).mul(1.0 / features).to(DType.I64).to(DType.F64);
    Tensor values = activation.reshape(-1).indexSelect(0, places).to(DType.F32);
    return new Entries(
        token.add(start).to(DType.I32),
        place.sub(token.mul(features)).to(DType.I64),
        values,
        score == activation ? values : score.reshape(-1).indexSelect(0, places).to(DType.F32));
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
    if (product.isRounded() || !proposals.areExact()) {
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
    Entries entries =
        new Entries(
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
    List<Entries> all = new ArrayList<>();
    forChunks(
        seen,
        norms,
        (start, activation, score) -> {
          Tensor flat = score.reshape(-1);
          Tensor places = flat.topk(Math.min(wanted, flat.elements()), 0, false).indices();
          all.add(entries(start, activation, score, places).moveTo(results));
        });
    return largest(joined(all), count, wanted, codes);
  }

  private static Entries joined(List<Entries> all) {
    return new Entries(
        ShapeOperators.cat(all.stream().map(Entries::tokens).toList(), 0),
        ShapeOperators.cat(all.stream().map(Entries::features).toList(), 0),
        ShapeOperators.cat(all.stream().map(Entries::values).toList(), 0),
        ShapeOperators.cat(all.stream().map(Entries::scores).toList(), 0));
  }

  /** Entries of a batch: int32, int64, float32, float32, all flat. */
  private record Entries(Tensor tokens, Tensor features, Tensor values, Tensor scores) {
    Entries at(Tensor places) {
      return new Entries(
          tokens.indexSelect(0, places),
          features.indexSelect(0, places),
          values.indexSelect(0, places),
          scores.indexSelect(0, places));
    }

    Entries moveTo(TensorScope scope) {
      List.of(tokens, features, values, scores).forEach(tensor -> tensor.moveTo(scope));
      return this;
    }
  }

  /** With the entries of tokens that are open replaced by all that may be at the edge or above. */
  private Entries mended(
      Tensor seen,
      Tensor norms,
      Entries entries,
      Tensor open,
      Tensor edge,
      int failed,
      TensorScope results) {
    Tensor closedPlaces =
        open.not().to(DType.I32).indexSelect(0, entries.tokens).nonzero().reshape(-1);
    List<Entries> all = new ArrayList<>(List.of(entries.at(closedPlaces)));
    Tensor failures = open.nonzero().reshape(-1);
    Tensor rows = numbers.upTo(seen.size(0) + 1);
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
      Tensor values =
          seen.bagProducts(
                  encoder,
                  features.to(DType.I32),
                  tokens.searchSorted(rows, false).to(DType.I32),
                  tokens.to(DType.I32))
              .add(encoderBias.indexSelect(0, features));
      Tensor scores = norms == null ? values : values.mul(norms.indexSelect(0, features));
      all.add(new Entries(tokens.to(DType.I32), features, values, scores));
    }
    return joined(all);
  }

  private Largest largest(Entries entries, int count, long wanted, Codes onHost) {
    // Float64 holds these whole numbers exactly.
    Tensor places =
        entries
            .tokens
            .to(DType.F64)
            .mul(spec.features())
            .add(entries.features.to(DType.F64))
            .to(DType.I64);
    Entries inOrder = entries.at(places.sort(0, false).indices());
    Tensor best = inOrder.scores.sort(0, true).indices();
    long some = Math.min(wanted, best.elements());
    Entries kept = inOrder.at(best.narrow(0, 0, some).sort(0, false).values());
    Tensor zero = Tensor.zeros(DType.F32, device, 1);
    // Not (score > 0), which would pass over NaN.
    Tensor positive = kept.scores.le(zero).not();
    Tensor noNumber = kept.scores.ne(kept.scores);
    long[] counts = ShapeOperators.stack(List.of(positive.sum(), noNumber.sum()), 0).toLongs();
    if (counts[0] < some) {
      kept = kept.at(positive.nonzero().reshape(-1));
    }
    TorchCodes codes =
        TorchCodes.ofTokens(count, kept.features.to(DType.I32), kept.values, kept.tokens, numbers);
    if (counts[1] > 0) {
      codes.copyTo(onHost, scratch);
    }
    return new Largest(codes, counts[0] == 0 ? null : kept.scores.amin(false, 0));
  }
}
