package io.sluice.engine.torch.transfer;

import io.sluice.memory.Rows;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Copies batches to a GPU from page-locked memory, while the host continues and the GPU may still
 * compute the step before. The copy is in the stream of that computation, so the GPU makes it after
 * the step. Each kind of data has its own memory. It is reused in the next step, in which encoding
 * has read the number of codes from the GPU after all work of this one; or in the same step, for
 * the same rows.
 */
final class Staging implements AutoCloseable {
  private static final long PIECE = 1L << 20;
  private static final Thread ANOTHER_THREAD = new Thread();

  private record Buffer(TensorScope owner, Tensor memory) {}

  private final Device device;
  private final Map<String, Buffer> buffers = new HashMap<>();

  Staging(Device device) {
    this.device = device;
  }

  /** The rows on the device, as they are, {@code [count, width]}. */
  Tensor send(String purpose, Rows rows) {
    long elements = (long) rows.count() * rows.width();
    long bytes = elements * rows.dtype().bytes();
    Tensor pinned = pinned(purpose, rows, elements).narrow(0, 0, elements);
    copy(rows.memory(), pinned.data(), bytes);
    return Tensor.empty(rows.dtype(), device, elements)
        .copyLater_(pinned)
        .reshape(rows.count(), rows.width());
  }

  /**
   * Copies with all cores: one reads a tenth of what a card takes. Memory of a confined arena only
   * its own thread may read.
   */
  static void copy(MemorySegment from, MemorySegment to, long bytes) {
    if (!from.isAccessibleBy(ANOTHER_THREAD)) {
      MemorySegment.copy(from, 0, to, 0, bytes);
      return;
    }
    int pieces = (int) ((bytes + PIECE - 1) / PIECE);
    IntStream.range(0, pieces)
        .parallel()
        .forEach(
            piece -> {
              long start = piece * PIECE;
              MemorySegment.copy(from, start, to, start, Math.min(PIECE, bytes - start));
            });
  }

  private Tensor pinned(String purpose, Rows rows, long elements) {
    Buffer buffer = buffers.get(purpose);
    if (buffer == null
        || buffer.memory.dtype() != rows.dtype()
        || buffer.memory.elements() < elements) {
      TensorScope owner = TensorScope.detached();
      try (TensorScope scope = TensorScope.open()) {
        buffer = new Buffer(owner, Tensor.emptyPinned(rows.dtype(), elements).moveTo(owner));
      }
      Buffer old = buffers.put(purpose, buffer);
      if (old != null) {
        old.owner.close();
      }
    }
    return buffer.memory;
  }

  @Override
  public void close() {
    buffers.values().forEach(buffer -> buffer.owner.close());
    buffers.clear();
  }
}
