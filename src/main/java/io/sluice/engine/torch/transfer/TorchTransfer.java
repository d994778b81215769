package io.sluice.engine.torch.transfer;

import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Copies batches and numbers between host memory and the device. */
public final class TorchTransfer implements AutoCloseable {
  private final Device device;
  private final HostScratch scratch = new HostScratch();
  private final Staging staging;

  /** Null where batches are not copied before their step. */
  private final TorchAhead ahead;

  /** Copies to {@code device}, before their step where it can. */
  public TorchTransfer(Device device) {
    this(device, TorchAhead.on(device));
  }

  /** Like the other, with copies before their step or, if {@code ahead} is null, without. */
  public TorchTransfer(Device device, TorchAhead ahead) {
    this.device = device;
    this.staging = new Staging(device);
    this.ahead = ahead;
  }

  /** Where it copies to. */
  public Device device() {
    return device;
  }

  /** Host memory for numbers on their way. */
  public HostScratch scratch() {
    return scratch;
  }

  /** Copies a batch that is loaded later, by any one thread. */
  public void prepare(String name, Rows rows) {
    if (ahead != null) {
      ahead.prepare(name, rows);
    }
  }

  /** A batch as float32 on the device, scaled; on the CPU it may be the caller's own memory. */
  public Tensor load(String name, Rows rows) {
    Tensor prepared = ahead == null ? null : ahead.take(name, rows);
    if (prepared != null) {
      return prepared;
    }
    Tensor values =
        device.isCuda()
            ? staging.send(name, rows)
            : Tensor.of(rows.memory(), rows.dtype(), rows.count(), rows.width());
    if (rows.dtype() != DType.F32) {
      values = values.to(DType.F32);
    }
    return rows.scale() == 1 ? values : values.mul(rows.scale());
  }

  /** DeviceIntegers on the device; on the CPU a view of {@code memory}. */
  public Tensor onDevice(MemorySegment memory, DType dtype, long... shape) {
    Tensor host = Tensor.of(memory, dtype, shape);
    return device.isCuda() ? host.to(device) : host;
  }

  /** The first {@code count} of {@code values}; on the CPU good until the next call. */
  public Tensor onDevice(float[] values, int count) {
    MemorySegment host = scratch.floats("from host", count);
    MemorySegment.copy(values, 0, host, ValueLayout.JAVA_FLOAT, 0, count);
    return onDevice(host, DType.F32, count);
  }

  /** Copies a tensor of {@code count} float32 values to host memory. */
  public void copy(Tensor from, float[] to, int count) {
    MemorySegment host = scratch.floats("to host", count);
    from.copyTo(host);
    MemorySegment.copy(host, ValueLayout.JAVA_FLOAT, 0, to, 0, count);
  }

  /** A tensor in host memory: a view, or from a GPU a copy in {@code arena}. */
  public static MemorySegment read(Tensor tensor, Arena arena) {
    if (!tensor.device().isCuda()) {
      return tensor.data();
    }
    MemorySegment copy = arena.allocate(tensor.elements() * tensor.dtype().bytes(), 64);
    tensor.copyTo(copy);
    return copy;
  }

  /** Rows of a tensor in host memory: a view, or from a GPU a copy in {@code arena}. */
  public static MemorySegment read(Tensor tensor, long first, long count, Arena arena) {
    long row = rowBytes(tensor);
    if (!tensor.device().isCuda()) {
      return tensor.data().asSlice(first * row, count * row);
    }
    MemorySegment copy = arena.allocate(count * row, 64);
    try (TensorScope scope = TensorScope.open()) {
      tensor.narrow(0, first, count).copyTo(copy);
    }
    return copy;
  }

  /** Replaces rows of a tensor, from {@code first} on. */
  public static void write(Tensor tensor, long first, MemorySegment data) {
    try (TensorScope scope = TensorScope.open()) {
      tensor.narrow(0, first, data.byteSize() / rowBytes(tensor)).copyFrom(data);
    }
  }

  private static long rowBytes(Tensor tensor) {
    return tensor.elements() / tensor.size(0) * tensor.dtype().bytes();
  }

  @Override
  public void close() {
    if (ahead != null) {
      ahead.close();
    }
    staging.close();
    scratch.close();
  }
}
