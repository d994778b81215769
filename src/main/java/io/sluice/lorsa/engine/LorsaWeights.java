package io.sluice.lorsa.engine;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.Map;

/**
 * All parameters of a Lorsa in host memory, float32, row-major. The memory belongs to the code that
 * allocated it.
 */
public final class LorsaWeights {
  private final LorsaSpec spec;
  private final Map<LorsaTensor, MemorySegment> memory;

  /**
   * Parameters over memory that is there.
   *
   * @param memory one segment per tensor, float32
   * @throws IllegalArgumentException if one is missing or has another size than the form asks for
   */
  public LorsaWeights(LorsaSpec spec, Map<LorsaTensor, MemorySegment> memory) {
    for (LorsaTensor tensor : LorsaTensor.values()) {
      MemorySegment segment = memory.get(tensor);
      long bytes = tensor.elements(spec) * Float.BYTES;
      if (segment == null || segment.byteSize() != bytes) {
        throw new IllegalArgumentException(
            "%s must have %d bytes, not %s"
                .formatted(tensor.label(), bytes, segment == null ? "none" : segment.byteSize()));
      }
    }
    this.spec = spec;
    this.memory = new EnumMap<>(memory);
  }

  /** Parameters of zeros, in memory of {@code arena}. */
  public static LorsaWeights allocate(Arena arena, LorsaSpec spec) {
    Map<LorsaTensor, MemorySegment> memory = new EnumMap<>(LorsaTensor.class);
    for (LorsaTensor tensor : LorsaTensor.values()) {
      memory.put(tensor, arena.allocate(tensor.elements(spec) * Float.BYTES, 64));
    }
    return new LorsaWeights(spec, memory);
  }

  /** The form. */
  public LorsaSpec spec() {
    return spec;
  }

  /** The memory of one tensor. */
  public MemorySegment get(LorsaTensor tensor) {
    return memory.get(tensor);
  }
}
