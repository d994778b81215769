package io.sluice.engine.torch;

import io.sluice.memory.DType;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;

/**
 * The integers from 0 on as a tensor on a device, kept from step to step and extended when more are
 * needed.
 */
final class DeviceIntegers implements AutoCloseable {
  private final Device device;
  private TensorScope owner = TensorScope.detached();
  private Tensor all;
  private TensorScope wholeOwner = TensorScope.detached();
  private Tensor whole;

  DeviceIntegers(Device device) {
    this.device = device;
  }

  /** 0 to {@code end − 1}, int64; a view that is good until the next call. */
  Tensor upTo(long end) {
    if (all == null || all.elements() < end) {
      TensorScope grown = TensorScope.detached();
      try (TensorScope scope = TensorScope.open()) {
        all = Tensor.arange(0, end + end / 2, device).moveTo(grown);
      }
      owner.close();
      owner = grown;
    }
    return all.narrow(0, 0, end);
  }

  /** Like {@link #upTo}, in int32. */
  Tensor wholeTo(long end) {
    if (whole == null || whole.elements() < end) {
      TensorScope grown = TensorScope.detached();
      try (TensorScope scope = TensorScope.open()) {
        whole = upTo(end + end / 2).to(DType.I32).moveTo(grown);
      }
      wholeOwner.close();
      wholeOwner = grown;
    }
    return whole.narrow(0, 0, end);
  }

  @Override
  public void close() {
    wholeOwner.close();
    owner.close();
  }
}
