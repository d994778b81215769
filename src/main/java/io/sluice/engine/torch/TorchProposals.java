package io.sluice.engine.torch;

import io.sluice.engine.spec.EngineSpec;
import io.sluice.memory.DType;
import io.sluice.torch.Device;
import io.sluice.torch.ReductionOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;

/**
 * Proposes features that may be among the largest of each token, and computes their values in
 * float32, each as one dot product, so that a value does not depend on how its feature was
 * proposed. The number of proposals is adapted to the share of tokens that had too few.
 */
final class TorchProposals implements AutoCloseable {
  /** Features that a product in float32 proposes beyond k: its rounding may exchange neighbours. */
  private static final int SPARE = 8;

  /** The first and the largest proposal beyond those, in quarters of k. */
  private static final int LEAST = 6;

  private static final int MOST = 40;

  private static final int PATIENCE = 50;

  private final EngineSpec spec;
  private final Device device;
  private final Tensor encoder;
  private final Tensor encoderBias;
  private final EncoderProduct product;
  private final DeviceIntegers numbers;
  private final int chunkRows;
  private final TorchScreens screens;

  /** The last layout, which is that of most steps, and what frees it. */
  private Layout layout;

  private TensorScope ofLayout = TensorScope.detached();

  /** How many features per k the screen proposes, in quarters; and for which k that was found. */
  private int quarters = LEAST;

  private int quartersFor;

  /** Batches in a row of which all proposals were complete. */
  private int closed;

  /** Batches to come for which screening is given up. */
  private int rest;

  /** Proposals of the features of {@code encoder}. */
  TorchProposals(
      EngineSpec spec,
      Device device,
      Tensor encoder,
      Tensor encoderBias,
      EncoderProduct product,
      DeviceIntegers numbers,
      TorchScreens screens) {
    this.spec = spec;
    this.device = device;
    this.encoder = encoder;
    this.encoderBias = encoderBias;
    this.product = product;
    this.numbers = numbers;
    this.screens = screens;
    this.chunkRows = chunkRows(spec.features(), device);
  }

  /** How many tokens' pre-activations are held at once: what fits caches, or fills a GPU. */
  private static int chunkRows(int features, Device device) {
    long elements = 1L << 22;
    if (device.isCuda()) {
      long memory = Torch.cudaDevices().get(device.index()).memoryBytes();
      elements = Math.clamp(memory / 128, 1L << 26, 1L << 30);
    }
    return Math.clamp(elements / features, 16, 8192);
  }

  /** How many tokens are multiplied at once. */
  int chunkRows() {
    return chunkRows;
  }

  /**
   * For each token its best features of those that were proposed.
   *
   * @param features int64 {@code [n, best]}
   * @param values float32 {@code [n, best]}
   * @param least no feature that was not proposed has a larger score; float32 {@code [n]}, or null
   */
  record Best(Tensor features, Tensor values, Tensor least) {}

  /**
   * Proposes features and keeps the {@code best} of each token.
   *
   * @param k of the selection
   * @param best k, or 0 for all that are proposed
   */
  Best propose(
      Tensor seen, int k, int best, Tensor norms, boolean signed, boolean screened, int chunk) {
    int count = Math.toIntExact(seen.size(0));
    int proposed = proposed(k);
    int width = best == 0 ? proposed : best;
    Tensor indices = Tensor.empty(DType.I64, device, count, width);
    Tensor values = Tensor.empty(DType.F32, device, count, width);
    Tensor least = screened || best == 0 ? Tensor.empty(DType.F32, device, count) : null;
    TorchScreen screen = screened ? screens.fast(norms, chunk) : null;
    TorchScreen.Tokens tokens = screened ? screen.tokens(seen) : null;
    for (int start = 0; start < count; start += chunkRows) {
      int length = Math.min(chunkRows, count - start);
      try (TensorScope scope = TensorScope.open()) {
        Tensor rows = seen.narrow(0, start, length);
        Tensor chosen = indices.narrow(0, start, length);
        Tensor activations = values.narrow(0, start, length);
        if (screened || best == 0) {
          Tensor bounds =
              screened ? screen.bounds(tokens.narrow(start, length)) : scores(rows, norms);
          ReductionOperators.Selection found = TorchScreen.largest(bounds, proposed);
          least.narrow(0, start, length).copy_(found.values().amin(false, 1));
          keepBest(rows, null, found.indices(), width, norms, chosen, activations);
        } else {
          keepByProduct(rows, null, k, norms, signed, chosen, activations);
        }
      }
    }
    return new Best(indices, values, least);
  }

  /** The scores of all features by a product in float32, {@code [n, features]}. */
  Tensor scores(Tensor rows, Tensor norms) {
    Tensor activation = rows.linear(encoder, encoderBias);
    return norms == null ? activation : activation.mul_(norms);
  }

  /** Whether a screen proposes for this batch; asked once for each. */
  boolean screens(int k) {
    if (!screens.isFast() || spec.features() < 16L * k) {
      return false;
    }
    if (quartersFor != k) {
      quartersFor = k;
      quarters = LEAST;
      rest = 0;
    }
    return rest == 0 || --rest == 0;
  }

  private int proposed(int k) {
    return Math.min(spec.features(), k * quarters / 4 + SPARE);
  }

  /**
   * Where the proposed features of each token begin, and all end, and the token of each, int32:
   * {@code each} of {@code n} tokens.
   */
  private record Layout(long n, long each, Tensor offsets, Tensor tokens) {}

  private Layout layout(long n, long each) {
    if (layout == null || layout.n != n || layout.each != each) {
      ofLayout.close();
      ofLayout = TensorScope.detached();
      try (TensorScope scope = TensorScope.open()) {
        layout =
            new Layout(
                n,
                each,
                // LibTorch's products with a number are of floating type; float64 is exact here.
                numbers.upTo(n + 1).to(DType.F64).mul(each).to(DType.I32).moveTo(ofLayout),
                eachOf(numbers.wholeTo(n), each).moveTo(ofLayout));
      }
    }
    return layout;
  }

  /** Every number {@code each} times. */
  static Tensor eachOf(Tensor numbers, long each) {
    long n = numbers.elements();
    return numbers.reshape(n, 1).expand(n, each).contiguous().reshape(n * each);
  }

  /**
   * The k best of some proposed features, by values of their own.
   *
   * @param places which rows of {@code rows} proposed, int64 and ascending; null for all. They are
   *     read where they lie: on a CPU, the last bit of a product depends on the place in memory
   */
  private void keepBest(
      Tensor rows,
      Tensor places,
      Tensor proposed,
      int k,
      Tensor norms,
      Tensor chosen,
      Tensor activations) {
    long n = proposed.size(0);
    long each = proposed.size(1);
    Tensor flat = proposed.reshape(n * each);
    Tensor offsets;
    Tensor tokens;
    if (places == null) {
      Layout whole = layout(n, each);
      offsets = whole.offsets;
      tokens = whole.tokens;
    } else {
      Tensor all = numbers.upTo(rows.size(0) + 1);
      offsets = places.searchSorted(all, false).to(DType.F64).mul(each).to(DType.I32);
      tokens = eachOf(places.to(DType.I32), each);
    }
    Tensor products = rows.bagProducts(encoder, flat.to(DType.I32), offsets, tokens);
    Tensor values = products.add(encoderBias.indexSelect(0, flat)).reshape(n, each);
    Tensor scores =
        norms == null ? values : values.mul(norms.indexSelect(0, flat).reshape(n, each));
    Tensor best = scores.topk(k, 1, false).indices();
    chosen.copy_(proposed.gather(1, best));
    activations.copy_(values.gather(1, best));
  }

  /** The k best of some tokens by a product with all features. */
  void keepByProduct(
      Tensor seen,
      Tensor places,
      int k,
      Tensor norms,
      boolean signed,
      Tensor chosen,
      Tensor activations) {
    Tensor rows = places == null ? seen : seen.indexSelect(0, places);
    Tensor activation = product.of(rows);
    Tensor score = norms == null ? activation : activation.mul(norms);
    if (screens.areExact() && !signed) {
      keepBest(
          seen,
          places,
          TorchScreen.largest(score, Math.min(spec.features(), k + SPARE)).indices(),
          k,
          norms,
          chosen,
          activations);
      return;
    }
    Tensor ranked = signed ? score.abs() : score;
    ReductionOperators.Selection top =
        product.isRounded() ? TorchScreen.largest(ranked, k) : ranked.topk(k, 1, false);
    chosen.copy_(top.indices());
    activations.copy_(
        norms == null && !signed ? top.values() : activation.gather(1, top.indices()));
  }

  /** Now and then a smaller proposal is tried, after many that were all complete. */
  void proposeLess(boolean allComplete) {
    closed = allComplete ? closed + 1 : 0;
    if (closed == PATIENCE && quarters > LEAST) {
      quarters -= Math.max(1, quarters / 8);
      closed = 0;
    }
  }

  /** Proposes more to the next batch if many tokens found their proposal too small. */
  void proposeMore(int failed, int count) {
    if (failed > count / 32 && quarters < MOST) {
      int more = failed > count / 8 ? quarters : Math.max(1, quarters / 4);
      quarters = Math.min(MOST, quarters + more);
      closed = 0;
    } else if (failed > count / 4) {
      rest = 256;
    }
  }

  @Override
  public void close() {
    ofLayout.close();
  }
}
