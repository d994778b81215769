package io.sluice.engine.arithmetic;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** The token count of the run at which each feature last fired; 0 for never. */
public interface FiringClocks {
  /**
   * Notes that all features of the batch's codes fired.
   *
   * @param codes those of the last encode, or any if these are kept where they were computed
   */
  void mark(Codes codes, long clock);

  /** How many features fired last after {@code clock}. */
  int countSince(long clock);

  /** The clocks, int64 {@code [features]}: a view, or a copy in {@code arena}. */
  MemorySegment read(Arena arena);

  /** Replaces the values that {@link #read} returns, from those of feature {@code first} on. */
  void write(long first, MemorySegment data);
}
