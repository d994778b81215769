package io.sluice.engine.torch.transfer;

import io.sluice.memory.GrowingMemory;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;

/** Native memory by name that is reused from step to step and grows when a batch needs more. */
public final class HostScratch implements AutoCloseable {
  private final Map<String, GrowingMemory> blocks = new HashMap<>();

  /** Memory for {@code count} int32, good until the next call of this name. */
  public MemorySegment ints(String name, long count) {
    return bytes(name, count * Integer.BYTES);
  }

  /** As {@link #ints}, for int64. */
  public MemorySegment longs(String name, long count) {
    return bytes(name, count * Long.BYTES);
  }

  /** As {@link #ints}, for float32. */
  public MemorySegment floats(String name, long count) {
    return bytes(name, count * Float.BYTES);
  }

  /** As {@link #ints}, for float64. */
  public MemorySegment doubles(String name, long count) {
    return bytes(name, count * Double.BYTES);
  }

  private MemorySegment bytes(String name, long bytes) {
    return blocks.computeIfAbsent(name, key -> GrowingMemory.owned()).ofBytes(bytes);
  }

  @Override
  public void close() {
    blocks.values().forEach(GrowingMemory::close);
    blocks.clear();
  }
}
