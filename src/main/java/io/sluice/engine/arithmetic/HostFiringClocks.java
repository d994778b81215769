package io.sluice.engine.arithmetic;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** {@link FiringClocks} in host memory. */
public final class HostFiringClocks implements FiringClocks, AutoCloseable {
  private final int features;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment clocks;

  /** Clocks at 0. */
  public HostFiringClocks(int features) {
    this.features = features;
    this.clocks = arena.allocate((long) features * Long.BYTES, 64);
  }

  @Override
  public void mark(Codes codes, long clock) {
    int entries = codes.entries();
    for (int entry = 0; entry < entries; entry++) {
      clocks.setAtIndex(ValueLayout.JAVA_LONG, codes.feature(entry), clock);
    }
  }

  @Override
  public int countSince(long clock) {
    int count = 0;
    for (int feature = 0; feature < features; feature++) {
      if (clocks.getAtIndex(ValueLayout.JAVA_LONG, feature) > clock) {
        count++;
      }
    }
    return count;
  }

  @Override
  public MemorySegment read(Arena target) {
    return clocks;
  }

  @Override
  public void write(long first, MemorySegment data) {
    clocks.asSlice(first * Long.BYTES).copyFrom(data);
  }

  @Override
  public void close() {
    arena.close();
  }
}
