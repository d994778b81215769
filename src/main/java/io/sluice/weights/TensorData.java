package io.sluice.weights;

import io.sluice.memory.DType;
import java.lang.foreign.MemorySegment;

/**
 * One tensor to be written to a file.
 *
 * @param info its name, element type and shape
 * @param data its values: row-major, little-endian, exactly {@code info.byteSize()} bytes; only
 *     read, and only until the write returns
 */
public record TensorData(TensorInfo info, MemorySegment data) {
  /**
   * Checks the size.
   *
   * @throws IllegalArgumentException if {@code data} has another size than the shape needs
   */
  public TensorData {
    if (data.byteSize() != info.byteSize()) {
      throw new IllegalArgumentException(
          "tensor "
              + info
              + " takes "
              + info.byteSize()
              + " bytes, but "
              + data.byteSize()
              + " were given");
    }
  }

  /** The same from its parts. */
  public static TensorData of(String name, DType dtype, MemorySegment data, long... shape) {
    return new TensorData(new TensorInfo(name, dtype, shape), data);
  }

  /** A float32 tensor over a Java array. */
  public static TensorData of(String name, float[] values, long... shape) {
    return of(name, DType.F32, MemorySegment.ofArray(values), shape);
  }
}
