package io.sluice.torch;

import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** {@link SmallCalls} through JavaCPP's presets. */
final class JavaCppCalls implements SmallCalls {
  private final Tensor four;
  private final Tensor other;
  private final Tensor row;
  private final Tensor matrix;

  JavaCppCalls() {
    torch.set_num_threads(1);
    GradMode.set_enabled(false);
    four = torch.tensor(new float[] {-1, 2, -3, 4});
    other = torch.tensor(new float[] {1, 2, 3, 4});
    row = torch.zeros(1, 384);
    matrix = torch.zeros(384, 384);
  }

  @Override
  public long relu() {
    try (Tensor result = torch.relu(four)) {
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
    try (Tensor result = torch.matmul(row, matrix)) {
      return System.identityHashCode(result);
    }
  }

  @Override
  public void close() {
    for (Tensor tensor : new Tensor[] {four, other, row, matrix}) {
      tensor.close();
    }
  }
}
