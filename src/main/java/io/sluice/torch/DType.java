package io.sluice.torch;

/** Element types that Sluice's tensors, stores and weight files share. */
public enum DType {
  F32("float32", 4, 6),
  F64("float64", 8, 7),
  F16("float16", 2, 5),
  BF16("bfloat16", 2, 15),
  I32("int32", 4, 3),
  I64("int64", 8, 4),
  U8("uint8", 1, 0),
  BOOL("bool", 1, 11);

  private final String label;
  private final int bytes;
  private final int scalarType;

  DType(String label, int bytes, int scalarType) {
    this.label = label;
    this.bytes = bytes;
    this.scalarType = scalarType;
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

  /** LibTorch's {@code c10::ScalarType} number. */
  int scalarType() {
    return scalarType;
  }

  static DType ofScalarType(int scalarType) {
    for (DType type : values()) {
      if (type.scalarType == scalarType) {
        return type;
      }
    }
    throw new TorchException(
        "LibTorch element type " + scalarType + " has no counterpart in Sluice");
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
