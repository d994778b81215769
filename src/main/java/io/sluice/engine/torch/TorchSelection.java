package io.sluice.engine.torch;

import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.memory.DType;
import io.sluice.torch.Device;
import io.sluice.torch.ReductionOperators;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Multiplies tokens with an encoder and selects features, some tokens at a time, so that {@code
 * tokens × features} numbers are never in memory.
 *
 * <p>Where the k largest features of each token are wanted, a {@linkplain TorchProposals screening}
 * proposes more than k, their values are computed in float32, each as one dot product, and the
 * largest k of those stay. A proposal is complete if its least bound is below the k-th value: then
 * no feature that was left out can have a larger one. For a token whose proposal is not complete,
 * all products are computed in float32. An engine whose product is in bfloat16 selects from that
 * product alone.
 */
final class TorchSelection implements AutoCloseable {
  private final EngineSpec spec;
  private final Device device;
  private final Tensor encoder;
  private final Tensor encoderBias;
  private final HostScratch scratch;
  private final DeviceIntegers numbers;
  private final EncoderProduct product;
  private final TorchProposals proposals;
  private final TorchHostSelection onHost;

  /** A selection from {@code encoder}. */
  TorchSelection(
      EngineSpec spec,
      Tensor encoder,
      Tensor encoderBias,
      Tensor decoder,
      TorchTransfer transfer,
      DeviceIntegers numbers,
      TorchProposals.Screening screening) {
    this.spec = spec;
    this.device = transfer.device();
    this.encoder = encoder;
    this.encoderBias = encoderBias;
    this.scratch = transfer.scratch();
    this.numbers = numbers;
    this.product = new EncoderProduct(encoder, encoderBias, spec.precision());
    this.proposals =
        new TorchProposals(spec, device, encoder, encoderBias, product, numbers, screening);
    this.onHost = new TorchHostSelection(spec, product, decoder, transfer, proposals.chunkRows());
  }

  /** How many tokens are multiplied at once. */
  int chunkRows() {
    return proposals.chunkRows();
  }

  /** Notes that any weight may have changed. */
  void weightsChanged() {
    product.weightsChanged();
    proposals.weightsChanged();
  }

  /**
   * Notes that the rows of some features have changed and no others.
   *
   * @param active int64
   * @param norms as for {@link #keepLargest}
   */
  void rowsChanged(Tensor active, Tensor norms, int chunk) {
    product.rowsChanged(active);
    proposals.rowsChanged(active, norms, chunk);
  }

  /** All whose score is above their bound, to host memory. */
  void keepAbove(Tensor seen, float[] bounds, Tensor norms, Codes codes) {
    onHost.keepAbove(seen, bounds, norms, codes);
  }

  /** Like {@link TorchHostSelection#keepAmong}. */
  void keepAmong(Tensor seen, int[] features, int count, int k, Tensor norms, Codes found) {
    onHost.keepAmong(seen, features, count, k, norms, found);
  }

  /**
   * The {@code k} largest of each token among some features, as codes on the device.
   *
   * @param features int64
   * @param norms of all decoder rows, where features are scored by them; else null
   */
  TorchCodes keepAmong(Tensor seen, Tensor features, int k, Tensor norms) {
    ReductionOperators.Selection best = onHost.largestAmong(seen, features, k, norms);
    Tensor chosen =
        features.indexSelect(0, best.indices().reshape(-1)).reshape(best.indices().shape());
    Tensor kept = TorchCodes.kept(best.values(), false);
    int entries = Math.toIntExact(kept.sum().toLongs()[0]);
    return TorchCodes.ofChosen(chosen, best.values(), kept, entries, numbers);
  }

  /** Like {@link TorchHostSelection#bestFeatures}. */
  void bestFeatures(float[] vectors, int count, int[] features) {
    onHost.bestFeatures(vectors, count, features);
  }

  /**
   * The {@code k} largest of each token.
   *
   * @param seen float32 {@code [n, width]}
   * @param norms of the decoder rows, where features are scored by them; else null
   * @param signed whether activations below 0 count by their magnitude
   * @param ordered whether a token's codes are in the order of features; otherwise in any order
   * @param chunk rows of weights at a time
   * @param onHost where an activation that is no number is named
   */
  TorchCodes keepLargest(
      Tensor seen, int k, Tensor norms, boolean signed, boolean ordered, int chunk, Codes onHost) {
    boolean screened = !signed && proposals.screens(k);
    TorchProposals.Best best = proposals.propose(seen, k, k, norms, signed, screened, chunk);
    Tensor indices = best.features();
    Tensor values = best.values();
    Tensor open = screened ? open(indices, values, norms, best.least()) : null;
    Tensor kept = TorchCodes.kept(values, signed);
    long[] counts = counts(kept, values, open);
    if (screened) {
      proposals.proposeLess(counts[2] == 0);
    }
    if (counts[2] > 0) {
      mend(seen, k, norms, indices, values, open, Math.toIntExact(counts[2]));
      kept = TorchCodes.kept(values, signed);
      counts = counts(kept, values, null);
    }
    // Sums over a token's codes then do not depend on what proposed them.
    if (ordered || proposals.areExact()) {
      ReductionOperators.Selection sorted = indices.sort(1, false);
      indices = sorted.values();
      values = values.gather(1, sorted.indices());
      kept = kept.gather(1, sorted.indices());
    }
    TorchCodes codes =
        TorchCodes.ofChosen(indices, values, kept, Math.toIntExact(counts[0]), numbers);
    if (counts[1] > 0) {
      codes.copyTo(onHost, scratch);
    }
    return codes;
  }

  /** How many are kept, how many are no numbers, how many tokens are open: read at once. */
  private static long[] counts(Tensor kept, Tensor values, Tensor open) {
    List<Tensor> sums = new ArrayList<>(List.of(kept.sum(), values.ne(values).sum()));
    if (open != null) {
      sums.add(open.sum());
    }
    return Arrays.copyOf(ShapeOperators.stack(sums, 0).toLongs(), 3);
  }

  /** Marks the tokens whose proposals may lack one of the k largest. */
  private Tensor open(Tensor indices, Tensor values, Tensor norms, Tensor least) {
    Tensor scores = norms == null ? values : values.mul(factorsOf(indices, norms));
    Tensor zero = Tensor.zeros(DType.F32, device, 1);
    // A feature that is left out is no code if its bound is not positive. A bound of NaN proves
    // nothing.
    return least.lt(scores.amin(false, 1).maximum(zero)).not();
  }

  /** Computes {@code failed} tokens anew, and proposes more to the next if they are many. */
  private void mend(
      Tensor seen, int k, Tensor norms, Tensor indices, Tensor values, Tensor open, int failed) {
    int count = Math.toIntExact(seen.size(0));
    Tensor failures = open.nonzero().reshape(-1);
    proposals.proposeMore(failed, count);
    int chunkRows = chunkRows();
    for (int start = 0; start < failed; start += chunkRows) {
      int length = Math.min(chunkRows, failed - start);
      try (TensorScope scope = TensorScope.open()) {
        Tensor places = failures.narrow(0, start, length);
        Tensor chosen = Tensor.empty(DType.I64, device, length, k);
        Tensor activations = Tensor.empty(DType.F32, device, length, k);
        proposals.keepByProduct(seen, places, k, norms, false, chosen, activations);
        indices.indexCopy_(0, places, chosen);
        values.indexCopy_(0, places, activations);
      }
    }
  }

  private static Tensor factorsOf(Tensor indices, Tensor norms) {
    return norms.indexSelect(0, indices.reshape(-1)).reshape(indices.shape());
  }

  @Override
  public void close() {
    proposals.close();
    product.close();
  }

  /**
   * Codes of a batch of which so many are kept.
   *
   * @param least the lowest score among them; 0 if there are none
   */
  record Largest(TorchCodes codes, float least) {}

  /**
   * The {@code k} times as many as tokens that are the largest of all; of equal scores at the edge,
   * those of the first tokens and features. In bfloat16, where equal ones are frequent, it may be
   * any of them. Null where that is found on the host.
   *
   * @param results the scope in which the codes are made
   */
  Largest keepLargestOfAll(
      Tensor seen, int k, Tensor norms, int chunk, Codes codes, TensorScope results) {
    if (product.isRounded()) {
      return keepLargestOfProduct(seen, k, norms, codes, results);
    }
    if (!proposals.areExact()) {
      onHost.keepLargestOfAll(seen, k, norms, codes);
      return null;
    }
    int count = Math.toIntExact(seen.size(0));
    boolean screened = proposals.screens(k);
    TorchProposals.Best all = proposals.propose(seen, k, 0, norms, false, screened, chunk);
    Tensor scores =
        norms == null ? all.values() : all.values().mul(factorsOf(all.features(), norms));
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

  /** {@link #keepLargestOfAll} of what the product gives. */
  private Largest keepLargestOfProduct(
      Tensor seen, int k, Tensor norms, Codes codes, TensorScope results) {
    int count = Math.toIntExact(seen.size(0));
    long wanted = (long) count * k;
    int features = spec.features();
    List<Entries> all = new ArrayList<>();
    for (int start = 0; start < count; start += chunkRows()) {
      int length = Math.min(chunkRows(), count - start);
      try (TensorScope scope = TensorScope.open()) {
        Tensor activation = product.of(seen.narrow(0, start, length));
        Tensor score = (norms == null ? activation : activation.mul(norms)).reshape(-1);
        Tensor places = score.topk(Math.min(wanted, score.elements()), 0, false).indices();
        // LibTorch's arithmetic with a number is of floating type; the half keeps the quotient from
        // below, and float64 is exact here.
        Tensor place = places.to(DType.F64);
        Tensor token = place.add(0.5).mul(1.0 / features).to(DType.I64).to(DType.F64);
        all.add(
            new Entries(
                    token.add(start).to(DType.I32),
                    place.sub(token.mul(features)).to(DType.I64),
                    activation.reshape(-1).indexSelect(0, places).to(DType.F32),
                    score.indexSelect(0, places).to(DType.F32))
                .moveTo(results));
      }
    }
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
    int chunkRows = chunkRows();
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
    kept = kept.at(kept.scores.le(zero).not().nonzero().reshape(-1));
    int size = Math.toIntExact(kept.tokens.elements());
    TorchCodes codes =
        new TorchCodes(
            count,
            size,
            kept.features.to(DType.I32),
            kept.values,
            kept.tokens.searchSorted(numbers.wholeTo(count + 1L), false).to(DType.I32),
            kept.tokens,
            kept.tokens);
    float least = size == 0 ? 0 : (float) kept.scores.amin(false, 0).item();
    if (Float.isNaN(least)) {
      codes.copyTo(onHost, scratch);
    }
    return new Largest(codes, least);
  }
}
