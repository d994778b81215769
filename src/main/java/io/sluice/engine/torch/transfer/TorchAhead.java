package io.sluice.engine.torch.transfer;

import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.torch.CudaStream;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.torch.Torch;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Consumer;

/**
 * Copies batches to the device and widens them there before their step, in a stream of their own
 * and from page-locked memory. Another thread than the engine's does it, and waits for the copy, so
 * that the engine's thread finds the batch complete.
 *
 * <p>Three batches of each kind have memory of their own, which take turns. While one is prepared,
 * the one before it may be computed with, and the device may still do the end of the step before
 * that. Encoding in that step has read the number of codes from the device, after all work of the
 * step before it, whose memory is the next.
 */
public final class TorchAhead implements AutoCloseable {
  private static final int BATCHES = 3;

  /** Memory that is made anew when a batch needs more. */
  private static final class Buffer {
    private TensorScope owner = TensorScope.detached();
    private Tensor memory;

    Tensor of(DType dtype, long elements, Device device, boolean pinned) {
      if (memory == null || memory.dtype() != dtype || memory.elements() < elements) {
        owner.close();
        owner = TensorScope.detached();
        try (TensorScope scope = TensorScope.open()) {
          memory =
              (pinned ? Tensor.emptyPinned(dtype, elements) : Tensor.empty(dtype, device, elements))
                  .moveTo(owner);
        }
      }
      return memory.narrow(0, 0, elements);
    }

    void close() {
      owner.close();
    }
  }

  private record Prepared(Rows rows, Tensor memory) {}

  /** The batches of one kind. */
  private static final class Kind {
    final Buffer host = new Buffer();
    final Buffer narrow = new Buffer();
    final Buffer[] wide = {new Buffer(), new Buffer(), new Buffer()};
    final AtomicReferenceArray<Prepared> prepared = new AtomicReferenceArray<>(BATCHES);
    int next;
  }

  private final Device device;

  /** Runs copies and returns when they are complete. */
  private final Consumer<Runnable> stream;

  private final Map<String, Kind> kinds = new HashMap<>();

  /**
   * Copies to {@code device}.
   *
   * @param stream runs copies and returns when they are complete
   */
  public TorchAhead(Device device, Consumer<Runnable> stream) {
    this.device = device;
    this.stream = stream;
  }

  /** In a stream of the GPU; null on a CPU, and where LibTorch has no function for it. */
  public static TorchAhead on(Device device) {
    return CudaStream.isAvailable(device)
        ? new TorchAhead(device, CudaStream.of(device)::run)
        : null;
  }

  private Kind kind(String purpose) {
    synchronized (kinds) {
      return kinds.computeIfAbsent(purpose, key -> new Kind());
    }
  }

  /** Copies a batch; one thread at a time. */
  public void prepare(String purpose, Rows rows) {
    Kind kind = kind(purpose);
    int place = kind.next;
    kind.next = (place + 1) % BATCHES;
    kind.prepared.set(place, null);
    long elements = (long) rows.count() * rows.width();
    try (TensorScope scope = TensorScope.open()) {
      Tensor host = kind.host.of(rows.dtype(), elements, Device.CPU, device.isCuda());
      Staging.copy(rows.memory(), host.data(), elements * rows.dtype().bytes());
      stream.accept(
          () -> {
            Tensor wide = kind.wide[place].of(DType.F32, elements, device, false);
            if (rows.dtype() == DType.F32) {
              wide.copyLater_(host);
            } else {
              wide.copy_(kind.narrow.of(rows.dtype(), elements, device, false).copyLater_(host));
            }
            if (rows.scale() != 1) {
              wide.mul_(rows.scale());
            }
          });
    }
    kind.prepared.set(place, new Prepared(rows, kind.wide[place].memory));
  }

  /** The batch as {@link TorchTransfer#load} returns it, if it was prepared; else null. */
  public Tensor take(String purpose, Rows rows) {
    Kind kind = kind(purpose);
    for (int i = 0; i < BATCHES; i++) {
      Prepared each = kind.prepared.get(i);
      // The same object: other rows may lie in the same memory later.
      if (each != null && each.rows == rows) {
        return each.memory
            .narrow(0, 0, (long) rows.count() * rows.width())
            .reshape(rows.count(), rows.width());
      }
    }
    return null;
  }

  @Override
  public void close() {
    Torch.synchronize(device);
    for (Kind kind : kinds.values()) {
      kind.host.close();
      kind.narrow.close();
      for (Buffer buffer : kind.wide) {
        buffer.close();
      }
    }
    kinds.clear();
  }
}
