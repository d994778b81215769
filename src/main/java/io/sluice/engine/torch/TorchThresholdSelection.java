package io.sluice.engine.torch;

import io.sluice.engine.spec.EngineSpec;
import io.sluice.memory.DType;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.ArrayList;
import java.util.List;

/**
 * Selects all features above thresholds.
 *
 * <p>Where values are exact, a product gives upper bounds of all scores. A pair of token and
 * feature whose bound is not above the feature's threshold is left out. The pre-activation of each
 * other pair is computed in float32 as one dot product, and the pair is a code if its score is
 * above the threshold. So the codes and their bits do not depend on the product. It is the fast
 * one, unless its bounds let so many more pairs pass than are codes that their dot products take
 * longer than it saves; then the next batches have bounds from a product in float32.
 */
final class TorchThresholdSelection {
  /**
   * A dot product takes as long as the fast product saves on so many pairs: it reads a row from
   * memory, {@code 4·width} bytes at 3 TB/s, while float32 computes {@code 2·width} operations at
   * 60 TFLOPS.
   */
  private static final int PAIRS_PER_PRODUCT = 48;

  /** Batches without the fast product, at first and at most. */
  private static final int SHORTEST_REST = 16;

  private static final int LONGEST_REST = 1024;

  private final EngineSpec spec;
  private final Tensor encoder;
  private final Tensor encoderBias;
  private final DeviceIntegers numbers;
  private final EncoderProduct product;
  private final TorchScreens screens;
  private final int chunkRows;

  private int rest;
  private int nextRest = SHORTEST_REST;

  /** A selection that multiplies {@code chunkRows} tokens at once. */
  TorchThresholdSelection(
      EngineSpec spec,
      Tensor encoder,
      Tensor encoderBias,
      DeviceIntegers numbers,
      EncoderProduct product,
      TorchScreens screens,
      int chunkRows) {
    this.spec = spec;
    this.encoder = encoder;
    this.encoderBias = encoderBias;
    this.numbers = numbers;
    this.product = product;
    this.screens = screens;
    this.chunkRows = chunkRows;
  }

  /**
   * All whose score is above their threshold, in the order of tokens and features.
   *
   * @param seen float32 {@code [n, width]}
   * @param thresholds float32 {@code [features]}, of any sign
   * @param norms of the decoder rows, where features are scored by them; else null
   * @param chunk rows of weights at a time
   * @param results the innermost scope, in which the codes are made
   */
  TorchCodes keepAbove(
      Tensor seen, Tensor thresholds, Tensor norms, int chunk, TensorScope results) {
    TorchEntries found =
        product.isRounded() || !screens.areExact()
            ? ofProduct(seen, thresholds, norms, results)
            : exact(seen, thresholds, norms, chunk, results);
    return found.codes(Math.toIntExact(seen.size(0)), numbers);
  }

  private TorchEntries exact(
      Tensor seen, Tensor thresholds, Tensor norms, int chunk, TensorScope results) {
    boolean isFast = screens.isFast() && rest == 0;
    rest = Math.max(0, rest - 1);
    TorchScreen screen = isFast ? screens.fast(norms, chunk) : screens.full(norms, chunk);
    TorchScreen.Tokens tokens = screen.tokens(seen);
    List<TorchEntries> all = new ArrayList<>(List.of(none(seen.device())));
    forChunks(
        seen,
        (start, rows) -> {
          Tensor bounds = screen.bounds(tokens.narrow(start, Math.toIntExact(rows.size(0))));
          // Not (bound > threshold): a bound of NaN proves nothing.
          Tensor places = bounds.le(thresholds).not().reshape(-1).nonzero().reshape(-1);
          if (places.elements() > 0) {
            all.add(productsAt(places, start, rows, norms).moveTo(results));
          }
        });
    TorchEntries candidates = TorchEntries.joined(all);
    Tensor own = thresholds.indexSelect(0, candidates.features());
    TorchEntries kept = candidates.at(candidates.scores().gt(own).nonzero().reshape(-1));
    if (isFast) {
      choose(
          candidates.tokens().elements() - kept.tokens().elements(),
          seen.size(0) * spec.features());
    }
    return kept;
  }

  /** For how many batches to come the fast product is given up. */
  int rest() {
    return rest;
  }

  /** Gives the fast product up for a while if too many pairs passed for nothing. */
  private void choose(long forNothing, long pairs) {
    if (forNothing > pairs / PAIRS_PER_PRODUCT) {
      rest = nextRest;
      nextRest = Math.min(LONGEST_REST, 2 * nextRest);
    } else {
      nextRest = SHORTEST_REST;
    }
  }

  private TorchEntries productsAt(Tensor places, int start, Tensor rows, Tensor norms) {
    TorchEntries.Places at = TorchEntries.Places.of(places, spec.features());
    Tensor features = at.features();
    Tensor values =
        TorchEntries.products(rows, at.tokens(), features, encoder, encoderBias, numbers);
    Tensor scores = norms == null ? values : values.mul(norms.indexSelect(0, features));
    return new TorchEntries(at.tokensFrom(start), features, values, scores);
  }

  /** {@link #keepAbove} of what the product gives. */
  private TorchEntries ofProduct(
      Tensor seen, Tensor thresholds, Tensor norms, TensorScope results) {
    List<TorchEntries> all = new ArrayList<>();
    forChunks(
        seen,
        (start, rows) -> {
          Tensor activation = product.of(rows);
          Tensor score = norms == null ? activation : activation.mul(norms);
          Tensor places = score.gt(thresholds).reshape(-1).nonzero().reshape(-1);
          TorchEntries.Places at = TorchEntries.Places.of(places, spec.features());
          Tensor values = activation.reshape(-1).indexSelect(0, places).to(DType.F32);
          all.add(
              new TorchEntries(at.tokensFrom(start), at.features(), values, values)
                  .moveTo(results));
        });
    return TorchEntries.joined(all);
  }

  private static TorchEntries none(Device device) {
    Tensor values = Tensor.zeros(DType.F32, device, 0);
    return new TorchEntries(
        Tensor.zeros(DType.I32, device, 0), Tensor.zeros(DType.I64, device, 0), values, values);
  }

  /** Takes the tokens from {@code start}. */
  @FunctionalInterface
  private interface Chunk {
    void take(int start, Tensor rows);
  }

  private void forChunks(Tensor seen, Chunk body) {
    int count = Math.toIntExact(seen.size(0));
    for (int start = 0; start < count; start += chunkRows) {
      int length = Math.min(chunkRows, count - start);
      try (TensorScope scope = TensorScope.open()) {
        body.take(start, seen.narrow(0, start, length));
      }
    }
  }
}
