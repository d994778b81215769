package io.sluice.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** The formats in which kernels read values from memory, little-endian and of any alignment. */
public enum Element {
  /** IEEE 754 binary32. */
  F32(4),
  /** IEEE 754 binary16. */
  F16(2),
  /** The upper half of a binary32. */
  BF16(2);

  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final int bytes;

  Element(int bytes) {
    this.bytes = bytes;
  }

  /** Bytes per value. */
  public int bytes() {
    return bytes;
  }

  /** The value at byte {@code offset} of {@code memory}, widened to float32, which is exact. */
  public float read(MemorySegment memory, long offset) {
    return switch (this) {
      case F32 -> memory.get(FLOAT, offset);
      case F16 -> Float.float16ToFloat(memory.get(SHORT, offset));
      case BF16 -> Float.intBitsToFloat(memory.get(SHORT, offset) << 16);
    };
  }
}
