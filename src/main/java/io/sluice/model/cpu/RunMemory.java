package io.sluice.model.cpu;

import io.sluice.memory.GrowingMemory;
import io.sluice.memory.PerThread;
import io.sluice.memory.Workers;
import io.sluice.simd.layers.Attention;
import io.sluice.simd.layers.RowNorm;
import java.lang.foreign.MemorySegment;

/** What passes one after the other work in. */
final class RunMemory {
  final Attention attention;
  final GrowingMemory stream = new GrowingMemory();
  final GrowingMemory read = new GrowingMemory();
  final GrowingMemory joined = new GrowingMemory();
  final GrowingMemory ready = new GrowingMemory();
  final GrowingMemory z = new GrowingMemory();
  final GrowingMemory attnOut = new GrowingMemory();
  final GrowingMemory middle = new GrowingMemory();
  final GrowingMemory mlpIn = new GrowingMemory();
  final GrowingMemory mlpAct = new GrowingMemory();
  final GrowingMemory mlpOut = new GrowingMemory();
  final PerThread<Scratch> scratch = new PerThread<>(Scratch::new);

  RunMemory(Attention attention) {
    this.attention = attention;
  }

  /** What one thread needs for the rows that it takes through some steps. */
  static final class Scratch {
    final GrowingMemory normed = new GrowingMemory();
    final GrowingMemory inner = new GrowingMemory();
    final MixedRows mixed = new MixedRows();
  }

  /** The residual stream. */
  MemorySegment stream(int rows, int width) {
    return stream.of(rows, width);
  }

  /** Rows after a norm, in this thread's memory; as they are if there is none. */
  MemorySegment normalised(
      RowNorm norm, MemorySegment rows, int count, int width, Workers workers) {
    if (norm == null) {
      return rows;
    }
    MemorySegment normed = scratch.get().normed.of(count, width);
    norm.apply(rows, count, normed, workers);
    return normed;
  }
}
