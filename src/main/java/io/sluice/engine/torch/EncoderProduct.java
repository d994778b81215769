package io.sluice.engine.torch;

import io.sluice.memory.DType;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;

/**
 * The products of tokens with encoder rows, bias included, in the precision of the engine.
 *
 * <p>In bfloat16, tokens, rows and biases are rounded to it, and so is each result: what PyTorch's
 * {@code linear} gives under autocast. The rounded rows are kept beside the float32 ones, and those
 * that the optimiser changed are rounded again.
 */
final class EncoderProduct implements AutoCloseable {
  private final Tensor encoder;
  private final Tensor bias;

  /** The rows and biases in bfloat16; null in float32. */
  private final Tensor rounded;

  private final Tensor roundedBias;
  private final TensorScope owner = TensorScope.detached();
  private boolean stale = true;

  /**
   * Products with {@code encoder}.
   *
   * @param precision float32 or bfloat16
   */
  EncoderProduct(Tensor encoder, Tensor bias, DType precision) {
    this.encoder = encoder;
    this.bias = bias;
    if (precision == DType.F32) {
      rounded = null;
      roundedBias = null;
      return;
    }
    Device device = encoder.device();
    try (TensorScope scope = TensorScope.open()) {
      rounded = Tensor.empty(precision, device, encoder.size(0), encoder.size(1)).moveTo(owner);
      roundedBias = Tensor.empty(precision, device, encoder.size(0)).moveTo(owner);
    }
  }

  /** Whether results are rounded to bfloat16, so that equal ones are frequent. */
  boolean isRounded() {
    return rounded != null;
  }

  /** Notes that any weight may have changed. */
  void weightsChanged() {
    stale = true;
  }

  /**
   * Notes that the rows of some features have changed and no others.
   *
   * @param active int64
   */
  void rowsChanged(Tensor active) {
    if (rounded != null && !stale) {
      rounded.indexCopy_(0, active, encoder.indexSelect(0, active).to(rounded.dtype()));
      roundedBias.indexCopy_(0, active, bias.indexSelect(0, active).to(rounded.dtype()));
    }
  }

  /** The products with all features, float32 or bfloat16 {@code [n, features]}. */
  Tensor of(Tensor rows) {
    if (rounded == null) {
      return rows.linear(encoder, bias);
    }
    refresh();
    return rows.to(rounded.dtype()).linear(rounded, roundedBias);
  }

  /** Products with some of the features. */
  interface Some {
    /** The products, float32 {@code [n, features]}. */
    Tensor of(Tensor rows);
  }

  /**
   * The products with some features.
   *
   * @param features int64
   */
  Some among(Tensor features) {
    if (rounded == null) {
      Tensor rows = encoder.indexSelect(0, features);
      Tensor biases = bias.indexSelect(0, features);
      return tokens -> tokens.linear(rows, biases);
    }
    refresh();
    Tensor rows = rounded.indexSelect(0, features);
    Tensor biases = roundedBias.indexSelect(0, features);
    return tokens -> tokens.to(rounded.dtype()).linear(rows, biases).to(DType.F32);
  }

  private void refresh() {
    if (stale) {
      rounded.copy_(encoder);
      roundedBias.copy_(bias);
      stale = false;
    }
  }

  @Override
  public void close() {
    owner.close();
  }
}
