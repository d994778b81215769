package io.sluice.simd.int8;

import java.lang.foreign.MemorySegment;

/** A matrix product of bytes, exact in int32. May be used by any number of threads. */
public interface Int8Product {
  /** Rows of one packed block of weights. */
  int BLOCK = 64;

  /**
   * {@code out[i·64 + j] = Σ_t tokens[i·depth + t] · block[(t / 4)·256 + j·4 + t mod 4]}, tokens
   * unsigned and weights signed.
   *
   * @param tokens native; {@code [count, depth]} uint8 from byte {@code tokensAt} on
   * @param count tokens, at least 1
   * @param block native; {@code [depth / 4][64][4]} int8 from byte {@code blockAt} on
   * @param depth a multiple of 4
   * @param out native; receives {@code [count, 64]} int32
   */
  void multiply(
      MemorySegment tokens,
      long tokensAt,
      int count,
      MemorySegment block,
      long blockAt,
      int depth,
      MemorySegment out);

  /** Ends a run of products on this thread, where its matrix unit has a state to give back. */
  default void release() {}
}
