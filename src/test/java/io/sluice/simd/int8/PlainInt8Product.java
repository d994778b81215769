package io.sluice.simd.int8;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** {@link Int8Product} as its definition says it. */
public final class PlainInt8Product implements Int8Product {
  @Override
  public void multiply(
      MemorySegment tokens,
      long tokensAt,
      int count,
      MemorySegment block,
      long blockAt,
      int depth,
      MemorySegment out) {
    byte[] weights = block.asSlice(blockAt, (long) depth * BLOCK).toArray(ValueLayout.JAVA_BYTE);
    byte[] rows = tokens.asSlice(tokensAt, (long) depth * count).toArray(ValueLayout.JAVA_BYTE);
    for (int i = 0; i < count; i++) {
      for (int j = 0; j < BLOCK; j++) {
        int sum = 0;
        for (int t = 0; t < depth; t++) {
          sum += (rows[i * depth + t] & 0xff) * weights[t / 4 * 4 * BLOCK + j * 4 + t % 4];
        }
        out.setAtIndex(ValueLayout.JAVA_INT, (long) i * BLOCK + j, sum);
      }
    }
  }
}
