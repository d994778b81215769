package io.sluice.torch;

import io.sluice.memory.DType;

/** {@link SmallCalls} through Sluice. */
final class SluiceCalls implements SmallCalls {
  private final TensorScope scope;
  private final Tensor four;
  private final Tensor other;
  private final Tensor row;
  private final Tensor matrix;

  SluiceCalls() {
    Torch.threads(1);
    scope = TensorScope.open();
    four = Tensor.ofFloats(new float[] {-1, 2, -3, 4}, 4);
    other = Tensor.ofFloats(new float[] {1, 2, 3, 4}, 4);
    row = Tensor.zeros(DType.F32, Device.CPU, 1, 384);
    matrix = Tensor.zeros(DType.F32, Device.CPU, 384, 384);
  }

  @Override
  public long relu() {
    try (Tensor result = four.relu()) {
      return System.identityHashCode(result);
    }
  }

  @Override
  public long add() {
    try (Tensor result = four.add(other)) {
      return System.identityHashCode(result);
    }
  }

  @Override
  public long product() {
    try (Tensor result = four.mul(other)) {
      return System.identityHashCode(result);
    }
  }

  @Override
  public long matrixProduct() {
    try (Tensor result = row.matmul(matrix)) {
      return System.identityHashCode(result);
    }
  }

  @Override
  public void close() {
    scope.close();
  }
}
