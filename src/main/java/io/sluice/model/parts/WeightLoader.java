package io.sluice.model.parts;

import io.sluice.files.Quoted;
import io.sluice.memory.DType;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.util.Arrays;

/**
 * Turns a model's parameters into tensors of one type on one device. Those on the CPU that have the
 * type already stay views of the mapped file; others are converted or moved, once.
 */
public final class WeightLoader {
  private final ModelTensors source;
  private final DType dtype;
  private final Device device;
  private final TensorScope owner;

  /**
   * @param source where the weights are
   * @param dtype the type that the model computes in
   * @param device where they go
   * @param owner the detached scope that they will belong to
   */
  public WeightLoader(ModelTensors source, DType dtype, Device device, TensorScope owner) {
    this.source = source;
    this.dtype = dtype;
    this.device = device;
    this.owner = owner;
  }

  /** Whether there is a tensor of this name. */
  public boolean contains(String name) {
    return source.contains(name);
  }

  /** Whether these are the weights of a model without its head. */
  public boolean isHeadless() {
    return source.isHeadless();
  }

  /**
   * The tensor of this name in the model's type.
   *
   * @throws IOException if it is missing, of another shape, or not of a floating-point type
   */
  public Tensor load(String name, long... shape) throws IOException {
    requireShape(name, shape);
    try (TensorScope scope = TensorScope.open()) {
      return source.read(name).to(dtype).to(device).moveTo(owner);
    }
  }

  /** Zeros in the place of a tensor that the file does not have. */
  public Tensor zeros(long... shape) {
    try (TensorScope scope = TensorScope.open()) {
      return Tensor.zeros(dtype, device, shape).moveTo(owner);
    }
  }

  /**
   * Some rows of a tensor, of which no more is converted or moved.
   *
   * @param first the first of them
   * @param shape of the whole tensor
   */
  public Tensor loadRows(String name, long first, long count, long... shape) throws IOException {
    requireShape(name, shape);
    try (TensorScope scope = TensorScope.open()) {
      return source.read(name).narrow(0, first, count).to(dtype).to(device).moveTo(owner);
    }
  }

  /** Like {@link #load}, for a matrix that the file keeps transposed; the view costs nothing. */
  public Tensor loadTransposed(String name, long rows, long columns) throws IOException {
    requireShape(name, columns, rows);
    try (TensorScope scope = TensorScope.open()) {
      return source.read(name).to(dtype).to(device).transpose(0, 1).moveTo(owner);
    }
  }

  /** Like {@link #load}, with 1 added to each element: a weight that the file counts from 1. */
  public Tensor loadPlusOne(String name, long... shape) throws IOException {
    requireShape(name, shape);
    try (TensorScope scope = TensorScope.open()) {
      return source.read(name).to(DType.F32).add(1).to(dtype).to(device).moveTo(owner);
    }
  }

  /**
   * Whether two tensors of the file hold the same numbers.
   *
   * @return true if one of them is missing, so that nothing differs
   * @throws IOException if one is not of a floating-point type
   */
  public boolean areSame(String name, String other) throws IOException {
    if (!source.contains(name) || !source.contains(other) || name.equals(other)) {
      return true;
    }
    if (source.unreadable(name) != null || source.unreadable(other) != null) {
      return false;
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor a = source.read(name);
      Tensor b = source.read(other);
      if (a.dtype() != b.dtype()) {
        a = a.to(DType.F32);
        b = b.to(DType.F32);
      }
      return Arrays.equals(a.shape(), b.shape()) && a.data().mismatch(b.data()) < 0;
    }
  }

  /**
   * Checks a tensor without reading it.
   *
   * @throws IOException as {@link #load}
   */
  public void requireShape(String name, long... shape) throws IOException {
    if (!source.contains(name)) {
      throw new IOException(
          source.path()
              + ": has no tensor '"
              + name
              + "'; the file is incomplete or of another architecture");
    }
    String type = source.unreadable(name);
    if (type != null) {
      throw new IOException(
          source.path()
              + ": tensor '"
              + name
              + "' is of type "
              + Quoted.of(type)
              + ", which Sluice does not read; give the model with weights of another type");
    }
    if (!Arrays.equals(source.shape(name), shape)) {
      throw new IOException(
          source.path()
              + ": tensor '"
              + name
              + "' has shape "
              + Arrays.toString(source.shape(name))
              + ", but the configuration makes it "
              + Arrays.toString(shape)
              + "; weights and configuration do not belong together");
    }
  }
}
