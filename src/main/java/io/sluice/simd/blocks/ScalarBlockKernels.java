package io.sluice.simd.blocks;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** {@link BlockKernels} one value at a time: the specification of the others. */
final class ScalarBlockKernels implements BlockKernels {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  @Override
  public String name() {
    return "scalar";
  }

  @Override
  public void dequantise(
      BlockFormat format, MemorySegment blocks, long from, long count, MemorySegment out, long to) {
    for (long block = 0; block < count; block++) {
      long at = from + block * format.bytes();
      long start = to + block * format.length() * Float.BYTES;
      for (int i = 0; i < format.length(); i++) {
        float value =
            switch (format) {
              case Q4_0 -> BlockScales.half(blocks, at) * (nibble(blocks, at + 2, i) - 8);
              case Q4_1 ->
                  BlockScales.half(blocks, at) * nibble(blocks, at + 4, i)
                      + BlockScales.half(blocks, at + 2);
              case Q5_0 ->
                  BlockScales.half(blocks, at)
                      * ((nibble(blocks, at + 6, i) | fifth(blocks, at + 2, i)) - 16);
              case Q5_1 ->
                  BlockScales.half(blocks, at)
                          * (nibble(blocks, at + 8, i) | fifth(blocks, at + 4, i))
                      + BlockScales.half(blocks, at + 2);
              case Q8_0 -> BlockScales.half(blocks, at) * signed(blocks, at + 2 + i);
              case Q4_K -> grouped(blocks, at, i, groupNibble(blocks, at + 16, i));
              case Q5_K ->
                  grouped(
                      blocks,
                      at,
                      i,
                      groupNibble(blocks, at + 48, i)
                          | (BlockScales.unsigned(blocks, at + 16 + i % 32) >> i / 32 & 1) << 4);
              case Q6_K ->
                  BlockScales.half(blocks, at + 208)
                      * signed(blocks, at + 192 + i / 16)
                      * (sixBits(blocks, at, i) - 32);
            };
        out.set(FLOAT, start + (long) i * Float.BYTES, value);
      }
    }
  }

  /** Values 0 to 15 are the low halves of 16 bytes, 16 to 31 the high halves. */
  private static int nibble(MemorySegment blocks, long at, int i) {
    return BlockScales.unsigned(blocks, at + i % 16) >> i / 16 * 4 & 15;
  }

  /** The fifth bit of value {@code i}, in its place. */
  private static int fifth(MemorySegment blocks, long at, int i) {
    return (BlockScales.bits32(blocks, at) >>> i & 1) << 4;
  }

  private static int signed(MemorySegment blocks, long at) {
    return blocks.get(ValueLayout.JAVA_BYTE, at);
  }

  /** Each 32 bytes hold 64 values: the low halves come first. */
  private static int groupNibble(MemorySegment blocks, long at, int i) {
    return BlockScales.unsigned(blocks, at + i / 64 * 32 + i % 32) >> i / 32 % 2 * 4 & 15;
  }

  private static float grouped(MemorySegment blocks, long at, int i, int q) {
    float scale = BlockScales.half(blocks, at) * BlockScales.scale(blocks, at + 4, i / 32);
    float minimum = BlockScales.half(blocks, at + 2) * BlockScales.minimum(blocks, at + 4, i / 32);
    return scale * q - minimum;
  }

  /**
   * Of each 128 values, the low four bits are halves of 64 bytes, low halves first, and the high
   * two bits are quarters of 32 bytes.
   */
  private static int sixBits(MemorySegment blocks, long at, int i) {
    int half = i / 128;
    int j = i % 128;
    int low = BlockScales.unsigned(blocks, at + half * 64 + j % 64) >> j / 64 * 4 & 15;
    int high = BlockScales.unsigned(blocks, at + 128 + half * 32 + j % 32) >> j / 32 * 2 & 3;
    return low | high << 4;
  }
}
