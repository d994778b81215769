package io.sluice.simd.blocks;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** The numbers that stand for a whole block or group; each is read once per 16 values or more. */
final class BlockScales {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private BlockScales() {}

  static float half(MemorySegment blocks, long at) {
    return Float.float16ToFloat(blocks.get(SHORT, at));
  }

  static int bits32(MemorySegment blocks, long at) {
    return blocks.get(INT, at);
  }

  static int unsigned(MemorySegment blocks, long at) {
    return blocks.get(ValueLayout.JAVA_BYTE, at) & 0xff;
  }

  /**
   * The 6-bit scale of group {@code j} of {@code Q4_K} and {@code Q5_K}. The first four lie in the
   * low bits of bytes 0 to 3; of the others, the low four bits are the low halves of bytes 8 to 11,
   * and the high two are the high bits of bytes 0 to 3.
   */
  static int scale(MemorySegment blocks, long scales, int j) {
    return j < 4
        ? unsigned(blocks, scales + j) & 63
        : unsigned(blocks, scales + j + 4) & 15 | unsigned(blocks, scales + j - 4) >> 6 << 4;
  }

  /** The 6-bit minimum of group {@code j}, packed as the scales are, from bytes 4 to 11. */
  static int minimum(MemorySegment blocks, long scales, int j) {
    return j < 4
        ? unsigned(blocks, scales + j + 4) & 63
        : unsigned(blocks, scales + j + 4) >> 4 | unsigned(blocks, scales + j) >> 6 << 4;
  }
}
