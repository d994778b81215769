package io.sluice.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Element types that Sluice's kernels, tensors, stores and weight files share. In memory values are
 * little-endian and may start at any byte.
 */
public enum DType {
  F32("float32", 4),
  F64("float64", 8),
  F16("float16", 2),
  BF16("bfloat16", 2),
  I32("int32", 4),
  I64("int64", 8),
  U8("uint8", 1),
  BOOL("bool", 1);

  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final String label;
  private final int bytes;

  DType(String label, int bytes) {
    this.label = label;
    this.bytes = bytes;
  }

  /** The name that PyTorch and NumPy use, for instance {@code float32}. */
  public String label() {
    return label;
  }

  /** Bytes per element. */
  public int bytes() {
    return bytes;
  }

  /** Whether values of this type are floating-point numbers. */
  public boolean isFloating() {
    return this == F32 || this == F64 || this == F16 || this == BF16;
  }

  /** Whether kernels accept values of this type: float32, or a type that widens to it exactly. */
  public boolean widensToFloat32() {
    return this == F32 || this == F16 || this == BF16;
  }

  /**
   * The value at byte {@code offset} of {@code memory}, as float32.
   *
   * @throws IllegalArgumentException unless this type {@link #widensToFloat32()}
   */
  public float readFloat32(MemorySegment memory, long offset) {
    return switch (this) {
      case F32 -> memory.get(FLOAT, offset);
      case F16 -> Float.float16ToFloat(memory.get(SHORT, offset));
      case BF16 -> Float.intBitsToFloat(memory.get(SHORT, offset) << 16);
      default -> throw new IllegalArgumentException(label + " does not widen to float32 exactly");
    };
  }

  /** The type whose {@link #label()} is {@code label}. */
  public static DType ofLabel(String label) {
    for (DType type : values()) {
      if (type.label.equals(label)) {
        return type;
      }
    }
    throw new IllegalArgumentException(
        "unknown dtype '"
            + label
            + "'; known: float32, float64, float16, bfloat16, int32, int64, uint8, bool");
  }
}
