package io.sluice.memory;

/** Element types that Sluice's tensors, stores and weight files share. */
public enum DType {
  F32("float32", 4),
  F64("float64", 8),
  F16("float16", 2),
  BF16("bfloat16", 2),
  I32("int32", 4),
  I64("int64", 8),
  U8("uint8", 1),
  BOOL("bool", 1);

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
