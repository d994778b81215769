package io.sluice.torch;

import io.sluice.memory.DType;

/** LibTorch's numbers of element types, {@code c10::ScalarType}. */
final class ScalarTypes {
  private ScalarTypes() {}

  /** LibTorch's number of an element type. */
  static int of(DType type) {
    return switch (type) {
      case U8 -> 0;
      case I32 -> 3;
      case I64 -> 4;
      case F16 -> 5;
      case F32 -> 6;
      case F64 -> 7;
      case BOOL -> 11;
      case BF16 -> 15;
    };
  }

  /**
   * The element type of LibTorch's number.
   *
   * @throws TorchException if it has none
   */
  static DType dtype(int scalarType) {
    return switch (scalarType) {
      case 0 -> DType.U8;
      case 3 -> DType.I32;
      case 4 -> DType.I64;
      case 5 -> DType.F16;
      case 6 -> DType.F32;
      case 7 -> DType.F64;
      case 11 -> DType.BOOL;
      case 15 -> DType.BF16;
      default ->
          throw new TorchException(
              "LibTorch element type " + scalarType + " has no counterpart in Sluice");
    };
  }
}
