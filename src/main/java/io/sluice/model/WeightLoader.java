package io.sluice.model;

import io.sluice.torch.DType;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import io.sluice.weights.TensorSource;
import java.io.IOException;
import java.util.Arrays;

/**
 * Turns the tensors of a weight file into LibTorch tensors. Float32 weights on the CPU stay views
 * of the mapped file; others are converted or moved, once.
 */
final class WeightLoader {
  private final TensorSource source;
  private final Device device;
  private final TensorScope owner;

  /**
   * @param source where the weights are
   * @param device where they go
   * @param owner the detached scope that they will belong to
   */
  WeightLoader(TensorSource source, Device device, TensorScope owner) {
    this.source = source;
    this.device = device;
    this.owner = owner;
  }

  TensorSource source() {
    return source;
  }

  /**
   * The tensor of this name as float32.
   *
   * @throws IOException if it is missing, of another shape, or not of a floating-point type
   */
  Tensor load(String name, long... shape) throws IOException {
    requireShape(name, shape);
    DType dtype = source.dtype(name);
    if (!dtype.isFloating()) {
      throw new IOException(
          source.path()
              + ": tensor '"
              + name
              + "' is "
              + dtype.label()
              + ", not floating-point; give a model that is not quantised");
    }
    try (TensorScope scope = TensorScope.open()) {
      return Tensor.of(source.data(name), dtype, shape).to(DType.F32).to(device).moveTo(owner);
    }
  }

  /** As {@link #load}, for a matrix that the file keeps transposed; the view costs nothing. */
  Tensor loadTransposed(String name, long rows, long columns) throws IOException {
    Tensor stored = load(name, columns, rows);
    try (TensorScope scope = TensorScope.open()) {
      return stored.transpose(0, 1).moveTo(owner);
    }
  }

  private void requireShape(String name, long... shape) throws IOException {
    if (!source.contains(name)) {
      throw new IOException(
          source.path()
              + ": has no tensor '"
              + name
              + "'; the file is incomplete or of another architecture");
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
