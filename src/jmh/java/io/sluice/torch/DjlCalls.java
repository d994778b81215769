package io.sluice.torch;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

/** {@link SmallCalls} through DJL's PyTorch engine. */
final class DjlCalls implements SmallCalls {
  private final NDManager manager;
  private final NDArray four;
  private final NDArray other;
  private final NDArray row;
  private final NDArray matrix;

  DjlCalls() {
    // Its natives are on the class path; nothing is to be fetched.
    System.setProperty("ai.djl.offline", "true");
    System.setProperty("ai.djl.pytorch.num_threads", "1");
    manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
    four = manager.create(new float[] {-1, 2, -3, 4});
    other = manager.create(new float[] {1, 2, 3, 4});
    row = manager.zeros(new Shape(1, 384));
    matrix = manager.zeros(new Shape(384, 384));
  }

  @Override
  public long relu() {
    try (NDArray result = four.getNDArrayInternal().relu()) {
      return System.identityHashCode(result);
    }
  }

  @Override
  public long add() {
    try (NDArray result = four.add(other)) {
      return System.identityHashCode(result);
    }
  }

  @Override
  public long product() {
    try (NDArray result = four.mul(other)) {
      return System.identityHashCode(result);
    }
  }

  @Override
  public long matrixProduct() {
    try (NDArray result = row.matMul(matrix)) {
      return System.identityHashCode(result);
    }
  }

  @Override
  public void close() {
    manager.close();
  }
}
