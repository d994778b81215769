package io.sluice.model.cpu;

import io.sluice.memory.GrowingMemory;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;

/**
 * The keys and values of the tokens that have run, per layer, so that the next tokens need not run
 * them again: tensors where LibTorch runs the layers, rows of queries, keys and values where the
 * vector kernels do. The capacity doubles when it is full. Additions of a pass take effect when the
 * pass has ended; a pass that fails leaves the cache unchanged.
 */
public final class KeyValueCache implements AutoCloseable {
  private static final int LEAST_ROOM = 32;

  private final TensorScope owner = TensorScope.detached();
  private final Map<Integer, Room> rooms = new HashMap<>();
  private final Map<Integer, GrowingMemory> rows = new HashMap<>();
  private int length;

  /** Keys and values, {@code [1, groups, room, headDim]} each. */
  private record Room(Tensor keys, Tensor values) {}

  /** Keys and values of all tokens up to those of this pass. */
  public record KeyValues(Tensor keys, Tensor values) {}

  /** Tokens that have run. */
  public int length() {
    return length;
  }

  /** Counts the tokens of a pass that is over. */
  public void advance(int tokens) {
    length += tokens;
  }

  /**
   * Appends the keys and values of a pass.
   *
   * @param layer whose they are
   * @param keys {@code [1, groups, tokens, headDim]}
   * @param values likewise
   * @return views of all of them, {@code [1, groups, length + tokens, headDim]}
   */
  public KeyValues append(int layer, Tensor keys, Tensor values) {
    long end = length + keys.size(2);
    Room room = rooms.get(layer);
    if (room == null || room.keys().size(2) < end) {
      Room larger =
          new Room(
              larger(room == null ? null : room.keys(), keys, end),
              larger(room == null ? null : room.values(), values, end));
      rooms.put(layer, larger);
      if (room != null) {
        room.keys().close();
        room.values().close();
      }
      room = larger;
    }
    room.keys().narrow(2, length, keys.size(2)).copy_(keys);
    room.values().narrow(2, length, values.size(2)).copy_(values);
    return new KeyValues(room.keys().narrow(2, 0, end), room.values().narrow(2, 0, end));
  }

  /**
   * Rows of a layer, with room for those of a pass behind those before.
   *
   * @param width values of a row
   * @param end rows of the pass and those before it
   * @return {@code [end, width]} float32
   */
  MemorySegment rows(int layer, int width, int end) {
    long rowBytes = (long) width * Float.BYTES;
    return rows.computeIfAbsent(layer, key -> new GrowingMemory())
        .extended(room(end) * rowBytes, length * rowBytes)
        .asSlice(0, end * rowBytes);
  }

  private static long room(long end) {
    return Math.max(LEAST_ROOM, Long.highestOneBit(Math.max(1, end - 1)) << 1);
  }

  private Tensor larger(Tensor before, Tensor like, long end) {
    long room = room(end);
    try (TensorScope scope = TensorScope.open()) {
      Tensor made = Tensor.zeros(like.dtype(), like.device(), 1, like.size(1), room, like.size(3));
      if (before != null) {
        made.narrow(2, 0, length).copy_(before.narrow(2, 0, length));
      }
      return made.moveTo(owner);
    }
  }

  @Override
  public void close() {
    owner.close();
  }
}
