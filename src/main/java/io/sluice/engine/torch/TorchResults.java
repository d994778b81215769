package io.sluice.engine.torch;

import io.sluice.engine.arithmetic.BatchResult;
import io.sluice.memory.DType;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.ArrayList;
import java.util.List;

/**
 * The results of batches that were trained on, on the device until they are read. Then the host
 * waits for the device once, not at every step.
 */
final class TorchResults {
  /** With more than so many, they are read before they are asked for. */
  static final int MOST = 256;

  private static final int ERROR = 0;
  private static final int LEAST = 1;

  /** The squared error and the least score of each batch, float32. */
  private final Tensor numbers;

  private final int[] codes = new int[MOST];
  private int count;

  /** Those before. */
  private final List<BatchResult> read = new ArrayList<>();

  /** Keeps results in a tensor that {@code owner} frees. */
  TorchResults(Device device, TensorScope owner) {
    try (TensorScope scope = TensorScope.open()) {
      numbers = Tensor.zeros(DType.F32, device, MOST, 2).moveTo(owner);
    }
  }

  /**
   * Adds a batch.
   *
   * @param error float32, one number
   * @param least likewise
   */
  void add(Tensor error, int codes, Tensor least) {
    if (count == MOST) {
      read();
    }
    put(ERROR, error);
    put(LEAST, least);
    this.codes[count++] = codes;
  }

  private void put(int column, Tensor number) {
    try (TensorScope scope = TensorScope.open()) {
      numbers.select(0, count).narrow(0, column, 1).copy_(number.reshape(1));
    }
  }

  /** All results, in order; none is kept. */
  List<BatchResult> take() {
    read();
    List<BatchResult> all = List.copyOf(read);
    read.clear();
    return all;
  }

  private void read() {
    if (count == 0) {
      return;
    }
    float[] values;
    try (TensorScope scope = TensorScope.open()) {
      values = numbers.narrow(0, 0, count).reshape(2L * count).toFloats();
    }
    for (int batch = 0; batch < count; batch++) {
      read.add(new BatchResult(values[2 * batch + ERROR], codes[batch], values[2 * batch + LEAST]));
    }
    count = 0;
  }
}
