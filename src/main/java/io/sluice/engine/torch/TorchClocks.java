package io.sluice.engine.torch;

import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.arithmetic.FiringClocks;
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
  public void write(MemorySegment data) {
    lastFired.copyFrom(data);
  }
}
