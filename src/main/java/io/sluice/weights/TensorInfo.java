package io.sluice.weights;

import io.sluice.memory.DType;
import java.util.Arrays;
import java.util.Objects;

/**
 * Name, element type and shape of one tensor in a file.
 *
 * @param name the tensor's name in the file
 * @param dtype its element type
 * @param shape its sizes, outermost first; empty for a scalar; all at least 0
 */
public record TensorInfo(String name, DType dtype, long... shape) {
  /** The largest number of dimensions of a tensor, the same as LibTorch's. */
  static final int MAX_DIMENSIONS = 64;

  /**
   * Checks that the tensor can exist.
   *
   * @throws IllegalArgumentException if a size is negative, there are more than 64 of them, or the
   *     bytes do not fit a long
   */
  public TensorInfo {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(dtype, "dtype");
    shape = shape.clone();
    if (shape.length > MAX_DIMENSIONS) {
      throw new IllegalArgumentException(
          "a tensor of "
              + shape.length
              + " dimensions; at most "
              + MAX_DIMENSIONS
              + " are allowed");
    }
    byteSize(dtype, shape);
  }

  @Override
  public long[] shape() {
    return shape.clone();
  }

  /** The product of the sizes; 1 for a scalar. */
  public long elements() {
    return byteSize() / dtype.bytes();
  }

  /** Bytes that the values take, with no gaps between them. */
  public long byteSize() {
    return byteSize(dtype, shape);
  }

  /** Shape as text, for instance {@code [384, 1536]}. */
  public String shapeText() {
    return Arrays.toString(shape);
  }

  private static long byteSize(DType dtype, long[] shape) {
    // The overflow check ignores sizes of 0, so that strides of empty tensors cannot overflow
    // either.
    long nonZero = dtype.bytes();
    boolean empty = false;
    for (long size : shape) {
      if (size < 0) {
        throw new IllegalArgumentException("negative size in shape " + Arrays.toString(shape));
      }
      if (size == 0) {
        empty = true;
        continue;
      }
      try {
        nonZero = Math.multiplyExact(nonZero, size);
      } catch (ArithmeticException e) {
        throw new IllegalArgumentException(
            "shape " + Arrays.toString(shape) + " has more bytes than fit in 63 bits", e);
      }
    }
    return empty ? 0 : nonZero;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof TensorInfo that
        && name.equals(that.name)
        && dtype == that.dtype
        && Arrays.equals(shape, that.shape);
  }

  @Override
  public int hashCode() {
    return Objects.hash(name, dtype, Arrays.hashCode(shape));
  }

  @Override
  public String toString() {
    return name + " " + dtype.label() + " " + shapeText();
  }
}
