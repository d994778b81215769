package io.sluice.lorsa.engine;

import io.sluice.torch.Device;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.List;

/**
 * Rotates queries and keys by their position, and gradients back. Pair {@code (x[i], x[i + n])} of
 * the first {@code 2n} dimensions is rotated by {@code position · frequency[i]}; the rest stays.
 */
final class RotaryPositions {
  private final float[] frequencies;
  private final Device device;
  private final TensorScope owner;
  private Tensor cosines;
  private Tensor signedSines;

  /**
   * @param owner the scope that the tables will belong to
   */
  RotaryPositions(float[] frequencies, Device device, TensorScope owner) {
    this.frequencies = frequencies;
    this.device = device;
    this.owner = owner;
  }

  /**
   * Queries or keys rotated by their positions, which count from 0.
   *
   * @param x {@code [contexts, length, groups, headDim]}
   */
  Tensor rotate(Tensor x) {
    return rotate(x, 1);
  }

  /** The transposed map of {@link #rotate}: rotates gradients back. */
  Tensor rotateBack(Tensor x) {
    return rotate(x, -1);
  }

  private Tensor rotate(Tensor x, double sign) {
    int half = frequencies.length;
    if (half == 0) {
      return x;
    }
    int length = Math.toIntExact(x.size(1));
    reach(length);
    Tensor part = x.narrow(3, 0, 2L * half);
    Tensor exchanged =
        ShapeOperators.cat(List.of(x.narrow(3, half, half), x.narrow(3, 0, half)), 3);
    Tensor rotated =
        part.mul(cosines.narrow(0, 0, length))
            .add(exchanged.mul(signedSines.narrow(0, 0, length)), sign);
    long rest = x.size(3) - 2L * half;
    return rest == 0
        ? rotated
        : ShapeOperators.cat(List.of(rotated, x.narrow(3, 2L * half, rest)), 3);
  }

  private void reach(int length) {
    if (cosines != null && cosines.size(0) >= length) {
      return;
    }
    int half = frequencies.length;
    float[] cos = new float[Math.multiplyExact(length, 2 * half)];
    float[] sin = new float[cos.length];
    for (int position = 0; position < length; position++) {
      for (int i = 0; i < half; i++) {
        // The angle is rounded to float32, as in the implementations that models are trained with.
        float angle = frequencies[i] * position;
        int at = position * 2 * half + i;
        cos[at] = (float) Math.cos(angle);
        cos[at + half] = cos[at];
        sin[at + half] = (float) Math.sin(angle);
        sin[at] = -sin[at + half];
      }
    }
    if (cosines != null) {
      cosines.close();
      signedSines.close();
    }
    cosines = Tensor.ofFloats(cos, length, 1, 2L * half).to(device).moveTo(owner);
    signedSines = Tensor.ofFloats(sin, length, 1, 2L * half).to(device).moveTo(owner);
  }
}
