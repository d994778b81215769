package io.sluice.engine.torch;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;

/** Native memory by name that is reused from step to step and grows when a batch needs more. */
final class HostScratch implements AutoCloseable {
  private record Block(Arena arena, MemorySegment memory) {}

  private final Map<String, Block> blocks = new HashMap<>();

  MemorySegment ints(String name, long count) {
    return bytes(name, count * Integer.BYTES);
  }

  MemorySegment longs(String name, long count) {
    return bytes(name, count * Long.BYTES);
  }

  MemorySegment floats(String name, long count) {
    return bytes(name, count * Float.BYTES);
  }

  private MemorySegment bytes(String name, long bytes) {
    Block block = blocks.get(name);
    if (block == null || block.memory.byteSize() < bytes) {
      if (block != null) {
        block.arena.close();
      }
      Arena arena = Arena.ofShared();
      block = new Block(arena, arena.allocate(bytes, 64));
      blocks.put(name, block);
    }
    return block.memory.asSlice(0, bytes);
  }

  @Override
  public void close() {
    blocks.values().forEach(block -> block.arena.close());
    blocks.clear();
  }
}
