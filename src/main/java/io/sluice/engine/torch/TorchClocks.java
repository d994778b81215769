package io.sluice.engine.torch;

import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.arithmetic.FiringClocks;
import io.sluice.engine.torch.transfer.TorchTransfer;
import io.sluice.memory.DType;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Function;

/** {@link io.sluice.engine.arithmetic.FiringClocks} on the device of the engine. */
final class TorchClocks implements FiringClocks {
  private final Device device;
  private final Tensor lastFired;
  private final Function<Codes, TorchCodes> codesOnDevice;

  /**
   * Clocks at 0.
   *
   * @param owner frees them
   * @param codesOnDevice the batch's codes on the device, given those on the host
   */
  TorchClocks(
      int features, Device device, TensorScope owner, Function<Codes, TorchCodes> codesOnDevice) {
    this.device = device;
    this.codesOnDevice = codesOnDevice;
    try (TensorScope scope = TensorScope.open()) {
      lastFired = Tensor.zeros(DType.I64, device, features).moveTo(owner);
    }
  }

  @Override
  public void mark(Codes codes, long clock) {
    try (TensorScope scope = TensorScope.open()) {
      TorchCodes fired = codesOnDevice.apply(codes);
      if (fired.entries() > 0) {
        Tensor at = Tensor.full(clock, DType.I64, device, 1).expand(fired.entries());
        // A feature that occurs several times gets the same number each time.
        lastFired.indexCopy_(0, fired.features().to(DType.I64), at);
      }
    }
  }

  /**
   * The features that fired last at {@code clock} or before and are not in some codes; int64,
   * ascending.
   */
  Tensor deadSince(long clock, TorchCodes codes) {
    Tensor times = lastFired;
    if (codes.entries() > 0) {
      Tensor later = Tensor.full(clock + 1.0, DType.I64, device, 1).expand(codes.entries());
      times = lastFired.copy().indexCopy_(0, codes.features().to(DType.I64), later);
    }
    return times.le(Tensor.full(clock, DType.I64, device, 1)).nonzero().reshape(-1);
  }

  @Override
  public int countSince(long clock) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor bound = Tensor.full(clock, DType.I64, device, 1);
      return (int) lastFired.gt(bound).to(DType.I64).sum().item();
    }
  }

  @Override
  public MemorySegment read(Arena arena) {
    return TorchTransfer.read(lastFired, arena);
  }

  @Override
  public void write(long first, MemorySegment data) {
    TorchTransfer.write(lastFired, first, data);
  }
}
