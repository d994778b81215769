package io.sluice.model.rotary;

import io.sluice.memory.DType;
import io.sluice.simd.layers.RotaryAngles;
import io.sluice.torch.Device;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.List;

/**
 * Cosines and sines of a rotary embedding. They are computed once for each position, up to the
 * longest context so far, and kept with the model's weights.
 */
public final class RotaryTable {
  private final Rotary rotary;
  private final int headDim;
  private final DType dtype;
  private final Device device;
  private final TensorScope owner;
  private RotaryAngles angles;
  private Tensor cosines;
  private Tensor signedSines;

  /**
   * @param headDim width of a head; what the embedding does not reach of it stays as it is
   * @param owner the scope that the tables will belong to
   */
  public RotaryTable(Rotary rotary, int headDim, DType dtype, Device device, TensorScope owner) {
    this.rotary = rotary;
    this.headDim = headDim;
    this.dtype = dtype;
    this.device = device;
    this.owner = owner;
  }

  /** Makes sure that there are angles for positions below {@code length}. */
  public void reach(int length) {
    if (cosines != null && cosines.size(0) >= length) {
      return;
    }
    int positions = Math.max(128, Integer.highestOneBit(length - 1) << 1);
    int half = rotary.dims() / 2;
    float[] frequencies = rotary.inverseFrequencies();
    float[] cos = new float[positions * half * 2];
    float[] sin = new float[positions * half * 2];
    float[] plainCos = new float[positions * half];
    float[] plainSin = new float[positions * half];
    for (int position = 0; position < positions; position++) {
      for (int i = 0; i < half; i++) {
        // The angle is rounded to float32, as in the implementations that models are trained with.
        float angle = frequencies[i] * position;
        int at = position * half * 2 + i;
        cos[at] = (float) (Math.cos(angle) * rotary.scale());
        cos[at + half] = cos[at];
        sin[at + half] = (float) (Math.sin(angle) * rotary.scale());
        sin[at] = -sin[at + half];
        plainCos[position * half + i] = cos[at];
        plainSin[position * half + i] = sin[at + half];
      }
    }
    angles = new RotaryAngles(plainCos, plainSin, half);
    if (cosines != null) {
      cosines.close();
      signedSines.close();
    }
    cosines = table(cos, positions);
    signedSines = table(sin, positions);
  }

  /** The embedding. */
  public Rotary rotary() {
    return rotary;
  }

  /** The angles for as many positions as {@link #reach} was called for, or more. */
  public RotaryAngles angles() {
    return angles;
  }

  private Tensor table(float[] values, int positions) {
    try (TensorScope scope = TensorScope.open()) {
      return Tensor.ofFloats(values, positions, 1, rotary.dims())
          .to(dtype)
          .to(device)
          .moveTo(owner);
    }
  }

  /**
   * Queries or keys rotated by their positions.
   *
   * @param x {@code [batch, length, heads, headDim]}
   * @param first the position of the first of them
   */
  public Tensor apply(Tensor x, int first) {
    int dims = rotary.dims();
    if (dims == headDim) {
      return rotate(x, first);
    }
    return ShapeOperators.cat(
        List.of(rotate(x.narrow(3, 0, dims), first), x.narrow(3, dims, headDim - dims)), 3);
  }

  private Tensor rotate(Tensor x, int first) {
    long length = x.size(1);
    int half = rotary.dims() / 2;
    // The sign is in the table, so that exchanging the halves costs one pass.
    Tensor exchanged =
        ShapeOperators.cat(List.of(x.narrow(3, half, half), x.narrow(3, 0, half)), 3);
    exchanged.mul_(signedSines.narrow(0, first, length));
    return x.mul(cosines.narrow(0, first, length)).add(exchanged);
  }
}
