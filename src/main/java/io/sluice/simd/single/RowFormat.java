package io.sluice.simd.single;

/** How {@link PackedRows} keeps its values. */
public enum RowFormat {
  /** IEEE 754 binary32, as given. */
  F32(4),
  /** The upper half of a binary32, rounded to the nearest. */
  BF16(2),
  /** Whole numbers from −127 to 127, times one scale per row. */
  I8(1);

  private final int bytes;

  RowFormat(int bytes) {
    this.bytes = bytes;
  }

  /** Bytes per value. */
  public int bytes() {
    return bytes;
  }
}
