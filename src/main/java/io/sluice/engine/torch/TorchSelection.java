package io.sluice.engine.torch;

import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.torch.transfer.HostScratch;
import io.sluice.engine.torch.transfer.TorchTransfer;
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
  private final Device device;
  private final HostScratch scratch;
  private final DeviceIntegers numbers;
  private final EncoderProduct product;
  private final TorchScreens screens;
  private final TorchProposals proposals;
  private final TorchHostSelection onHost;
  private final TorchThresholdSelection aboveThresholds;
  private final TorchBatchSelection ofBatch;

  /** A selection from {@code encoder}. */
  TorchSelection(
      EngineSpec spec,
      Tensor encoder,
      Tensor encoderBias,
      Tensor decoder,
      TorchTransfer transfer,
      DeviceIntegers numbers,
      TorchScreens.Screening screening) {
    this.device = transfer.device();
    this.scratch = transfer.scratch();
    this.numbers = numbers;
    this.product = new EncoderProduct(encoder, encoderBias, spec.precision());
    this.screens = new TorchScreens(spec, device, encoder, encoderBias, numbers, screening);
    this.proposals =
        new TorchProposals(spec, device, encoder, encoderBias, product, numbers, screens);
    this.onHost = new TorchHostSelection(spec, product, decoder, transfer, proposals.chunkRows());
    this.ofBatch =
        new TorchBatchSelection(
            spec, transfer, encoder, encoderBias, numbers, product, screens, proposals);
    this.aboveThresholds =
        new TorchThresholdSelection(
            spec, encoder, encoderBias, numbers, product, screens, proposals.chunkRows());
  }

  /** How many tokens are multiplied at once. */
  int chunkRows() {
    return proposals.chunkRows();
  }

  /** Notes that any weight may have changed. */
  void weightsChanged() {
    product.weightsChanged();
    screens.weightsChanged();
  }

  /**
   * Notes that the rows of some features have changed and no others.
   *
   * @param active int64
   * @param norms as for {@link #keepLargest}
   */
  void rowsChanged(Tensor active, Tensor norms, int chunk) {
    product.rowsChanged(active);
    screens.rowsChanged(active, norms, chunk);
  }

  /** As {@link TorchThresholdSelection#keepAbove}. */
  TorchCodes keepAbove(
      Tensor seen, Tensor thresholds, Tensor norms, int chunk, TensorScope results) {
    return aboveThresholds.keepAbove(seen, thresholds, norms, chunk, results);
  }

  /** As {@link TorchBatchSelection#keepLargest}. */
  TorchBatchSelection.Largest keepLargestOfAll(
      Tensor seen, int k, Tensor norms, int chunk, Codes codes, TensorScope results) {
    return ofBatch.keepLargest(seen, k, norms, chunk, codes, results);
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
    if (ordered || screens.areExact()) {
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

  /** The norms of chosen features. */
  static Tensor factorsOf(Tensor indices, Tensor norms) {
    return norms.indexSelect(0, indices.reshape(-1)).reshape(indices.shape());
  }

  @Override
  public void close() {
    proposals.close();
    screens.close();
    product.close();
  }
}
