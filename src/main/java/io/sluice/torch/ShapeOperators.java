package io.sluice.torch;

import io.sluice.memory.DType;
import java.util.Arrays;
import java.util.List;

/**
 * Operators on shape, layout, type and device. If possible they return a view of the same memory;
 * the view is closed independently.
 */
public sealed interface ShapeOperators permits Tensor {
  /** The elements in row-major order under another shape; one size may be −1. */
  default Tensor reshape(long... shape) {
    return Call.of(Aten.RESHAPE).tensor((Tensor) this).integers(shape).viewOf((Tensor) this);
  }

  /** Two dimensions exchanged. */
  default Tensor transpose(int a, int b) {
    return Call.of(Aten.TRANSPOSE)
        .tensor((Tensor) this)
        .integer(a)
        .integer(b)
        .viewOf((Tensor) this);
  }

  /** The dimensions in another order. */
  default Tensor permute(long... dims) {
    return Call.of(Aten.PERMUTE).tensor((Tensor) this).integers(dims).viewOf((Tensor) this);
  }

  /** The largest number of elements of a view: more than any memory holds. */
  long MOST_ELEMENTS = 1L << 40;

  /**
   * Dimensions of size 1 repeated, without a copy; −1 keeps a size.
   *
   * @throws IllegalArgumentException if there are more than {@link #MOST_ELEMENTS} elements then
   */
  default Tensor expand(long... shape) {
    double elements = 1;
    for (long size : shape) {
      elements *= size < 0 ? 1 : size;
    }
    if (elements > MOST_ELEMENTS) {
      throw new IllegalArgumentException(
          ((Tensor) this).describe()
              + " expanded to "
              + Arrays.toString(shape)
              + " has more elements than there can be");
    }
    return Call.of(Aten.EXPAND)
        .tensor((Tensor) this)
        .integers(shape)
        .bool(false)
        .viewOf((Tensor) this);
  }

  /** A new dimension of size 1 at {@code dim}. */
  default Tensor unsqueeze(int dim) {
    return Call.of(Aten.UNSQUEEZE).tensor((Tensor) this).integer(dim).viewOf((Tensor) this);
  }

  /** Dimension {@code dim} removed, if its size is 1. */
  default Tensor squeeze(int dim) {
    return Call.of(Aten.SQUEEZE).tensor((Tensor) this).integer(dim).viewOf((Tensor) this);
  }

  /** {@code length} elements along {@code dim}, from {@code start}. */
  default Tensor narrow(int dim, long start, long length) {
    return Call.of(Aten.NARROW)
        .tensor((Tensor) this)
        .integer(dim)
        .integer(start)
        .integer(length)
        .viewOf((Tensor) this);
  }

  /** Element {@code index} along {@code dim}, which is removed. */
  default Tensor select(int dim, long index) {
    return Call.of(Aten.SELECT)
        .tensor((Tensor) this)
        .integer(dim)
        .integer(index)
        .viewOf((Tensor) this);
  }

  /**
   * The same elements in row-major order without gaps; a view of this tensor if it has that layout
   * already.
   */
  default Tensor contiguous() {
    return Call.of(Aten.CONTIGUOUS)
        .tensor((Tensor) this)
        .integer(Aten.CONTIGUOUS_FORMAT)
        .viewOf((Tensor) this);
  }

  /** A copy in memory of its own. */
  default Tensor copy() {
    return Call.of(Aten.CLONE).tensor((Tensor) this).optionalInteger(Aten.CONTIGUOUS_FORMAT).one();
  }

  /** The elements as {@code dtype}; a view of this tensor if it is of that type already. */
  default Tensor to(DType dtype) {
    return Call.of(Aten.TO)
        .tensor((Tensor) this)
        .dtype(dtype)
        .bool(false)
        .bool(false)
        .none()
        .viewOf((Tensor) this);
  }

  /**
   * A view of the same bits as elements of another type.
   *
   * @throws IllegalArgumentException unless both types have the same size
   */
  default Tensor viewedAs(DType dtype) {
    Tensor self = (Tensor) this;
    if (dtype.bytes() != self.dtype().bytes()) {
      throw new IllegalArgumentException(
          "viewedAs of " + self.describe() + " as " + dtype.label() + ": sizes differ");
    }
    return Call.of(Aten.VIEW_DTYPE).tensor(self).dtype(dtype).viewOf(self);
  }

  /** The elements on {@code device}; a view of this tensor if it is on that device already. */
  default Tensor to(Device device) {
    Tensor self = (Tensor) this;
    if (self.device().equals(device)) {
      return Call.of(Aten.ALIAS).tensor(self).viewOf(self);
    }
    return Tensor.empty(self.dtype(), device, self.shape()).copy_(self);
  }

  /** Tensors joined along {@code dim}. */
  static Tensor cat(List<Tensor> tensors, int dim) {
    if (tensors.isEmpty()) {
      throw new IllegalArgumentException("cat of no tensors");
    }
    return Call.of(Aten.CAT).tensors(tensors).integer(dim).one();
  }

  /** Tensors of one shape joined along a new dimension. */
  static Tensor stack(List<Tensor> tensors, int dim) {
    if (tensors.isEmpty()) {
      throw new IllegalArgumentException("stack of no tensors");
    }
    return Call.of(Aten.STACK).tensors(tensors).integer(dim).one();
  }
}
