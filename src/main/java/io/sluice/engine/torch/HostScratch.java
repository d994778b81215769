package io.sluice.engine.torch;

import io.sluice.memory.GrowingMemory;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;

/** Native memory by name that is reused from step to step and grows when a batch needs more. */
final class HostScratch implements AutoCloseable {
  private final Map<String, GrowingMemory> blocks = new HashMap<>();

  MemorySegment ints(String name, long count) {
    return bytes(name, count * Integer.BYTES);
  }

  MemorySegment longs(String name, long count) {
    return bytes(name, count * Long.BYTES);
  }

  MemorySegment floats(String name, long count) {
    return bytes(name, count * Float.BYTES);
  }

  MemorySegment doubles(String name, long count) {
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
