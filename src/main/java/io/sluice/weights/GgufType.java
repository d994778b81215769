package io.sluice.weights;

import io.sluice.memory.DType;
import io.sluice.simd.blocks.BlockFormat;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Collectors;

/** The storage types of a GGUF file's tensors; the names are those of llama.cpp. */
public enum GgufType {
  F32(0, DType.F32),
  F16(1, DType.F16),
  BF16(30, DType.BF16),
  Q8_0(8, BlockFormat.Q8_0),
  Q4_0(2, BlockFormat.Q4_0),
  Q4_1(3, BlockFormat.Q4_1),
  Q5_0(6, BlockFormat.Q5_0),
  Q5_1(7, BlockFormat.Q5_1),
  Q4_K(12, BlockFormat.Q4_K),
  Q5_K(13, BlockFormat.Q5_K),
  Q6_K(14, BlockFormat.Q6_K),
  F64(28, DType.F64),
  I32(26, DType.I32),
  I64(27, DType.I64);

  /** Types that exist but that Sluice does not read, so that messages can name them. */
  private static final Map<Integer, String> OTHERS =
      Map.ofEntries(
          Map.entry(9, "Q8_1"),
          Map.entry(10, "Q2_K"),
          Map.entry(11, "Q3_K"),
          Map.entry(15, "Q8_K"),
          Map.entry(16, "IQ2_XXS"),
          Map.entry(17, "IQ2_XS"),
          Map.entry(18, "IQ3_XXS"),
          Map.entry(19, "IQ1_S"),
          Map.entry(20, "IQ4_NL"),
          Map.entry(21, "IQ3_S"),
          Map.entry(22, "IQ2_S"),
          Map.entry(23, "IQ4_XS"),
          Map.entry(24, "I8"),
          Map.entry(25, "I16"),
          Map.entry(29, "IQ1_M"),
          Map.entry(34, "TQ1_0"),
          Map.entry(35, "TQ2_0"),
          Map.entry(39, "MXFP4"),
          Map.entry(40, "NVFP4"),
          Map.entry(41, "Q1_0"));

  private final int id;
  private final DType dtype;
  private final BlockFormat format;

  GgufType(int id, DType dtype) {
    this.id = id;
    this.dtype = dtype;
    this.format = null;
  }

  GgufType(int id, BlockFormat format) {
    this.id = id;
    this.dtype = DType.F32;
    this.format = format;
  }

  /** The element type of the values after reading: float32 if they are quantised. */
  public DType dtype() {
    return dtype;
  }

  /** Whether the values are stored as blocks that must be dequantised. */
  public boolean isQuantised() {
    return format != null;
  }

  /** The format of the blocks, or null. */
  BlockFormat format() {
    return format;
  }

  /** The number of values in a block. */
  int blockLength() {
    return format == null ? 1 : format.length();
  }

  /** Bytes of {@link #blockLength()} values. */
  int blockBytes() {
    return format == null ? dtype.bytes() : format.bytes();
  }

  /** The type of a number in a file, or null if Sluice does not read it. */
  static GgufType ofId(int id) {
    for (GgufType type : values()) {
      if (type.id == id) {
        return type;
      }
    }
    return null;
  }

  /** The name of a type that Sluice does not read. */
  static String nameOf(int id) {
    return OTHERS.getOrDefault(id, "number " + Integer.toUnsignedString(id));
  }

  static String supported() {
    return Arrays.stream(values()).map(GgufType::name).collect(Collectors.joining(", "));
  }
}
