package io.sluice.engine.torch;

import io.sluice.engine.spec.EngineSpec;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorFloat32;

/** The bounds of the features of one encoder, made when they are first used. */
final class TorchScreens implements AutoCloseable {
  /** How features are proposed. */
  enum Screening {
    /**
     * Not at all: what LibTorch's product gives, in float32 or bfloat16, is selected from, and is
     * the value.
     */
    NONE,
    /** By a product in float32. */
    FLOAT32,
    /** By upper bounds from a product in bfloat16 of rows that are kept in it. */
    BFLOAT16,
    /** By upper bounds from a product in TensorFloat-32. */
    TENSOR_FLOAT32,
    /** By one of the two: in TensorFloat-32 where LibTorch has it. */
    FASTEST
  }

  private final EngineSpec spec;
  private final Device device;
  private final Tensor encoder;
  private final Tensor encoderBias;
  private final DeviceIntegers numbers;
  private final Screening screening;

  /** Null until they are used. */
  private TorchScreen fast;

  private TorchScreen full;

  /** Bounds of the features of {@code encoder}. */
  TorchScreens(
      EngineSpec spec,
      Device device,
      Tensor encoder,
      Tensor encoderBias,
      DeviceIntegers numbers,
      Screening screening) {
    this.spec = spec;
    this.device = device;
    this.encoder = encoder;
    this.encoderBias = encoderBias;
    this.numbers = numbers;
    this.screening = screening;
  }

  /** Whether values are those of a dot product each. */
  boolean areExact() {
    return screening != Screening.NONE;
  }

  /** Whether there is a product faster than float32. */
  boolean isFast() {
    return screening != Screening.NONE && screening != Screening.FLOAT32;
  }

  /**
   * The bounds from the fast product, of the current weights.
   *
   * @param norms as for {@link TorchScreen#refreshAll}
   */
  TorchScreen fast(Tensor norms, int chunk) {
    if (fast == null) {
      fast =
          usesBfloat16()
              ? new Bfloat16Screen(spec.features(), spec.inputWidth(), device, numbers)
              : new TensorFloat32Screen(spec.features(), spec.inputWidth(), device, numbers, false);
    }
    fast.refresh(encoder, encoderBias, norms, chunk);
    return fast;
  }

  /** Likewise from a product in float32. */
  TorchScreen full(Tensor norms, int chunk) {
    if (full == null) {
      full = new TensorFloat32Screen(spec.features(), spec.inputWidth(), device, numbers, true);
    }
    full.refresh(encoder, encoderBias, norms, chunk);
    return full;
  }

  /**
   * A product in bfloat16 takes half the time, but its bounds are five times as far off, and the
   * float32 products that this asks for take more than it saves.
   */
  private boolean usesBfloat16() {
    return screening == Screening.FASTEST
        ? device.isCuda() && !TensorFloat32.isAvailable()
        : screening == Screening.BFLOAT16;
  }

  /** Notes that any weight may have changed. */
  void weightsChanged() {
    if (fast != null) {
      fast.invalidate();
    }
    if (full != null) {
      full.invalidate();
    }
  }

  /**
   * Notes that the rows of some features have changed and no others.
   *
   * @param active int64
   * @param norms as for {@link #fast}
   */
  void rowsChanged(Tensor active, Tensor norms, int chunk) {
    if (fast != null) {
      fast.refresh(active, encoder, encoderBias, norms, chunk);
    }
    if (full != null) {
      full.refresh(active, encoder, encoderBias, norms, chunk);
    }
  }

  @Override
  public void close() {
    if (fast != null) {
      fast.close();
    }
    if (full != null) {
      full.close();
    }
  }
}
