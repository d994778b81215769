package io.sluice.engine.torch;

import io.sluice.memory.DType;
import io.sluice.simd.adam.StochasticRounding;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.Arrays;

/**
 * {@link StochasticRounding} of the moments of some rows, with the same random bits, in operators
 * on tensors. LibTorch adds integers only with a factor of floating type, so carries are compared
 * and added as float32, which is exact.
 */
final class TorchRounding {
  private final Device device;
  private final Tensor columns;
  private final Tensor firstFactor;
  private final Tensor secondFactor;
  private final Tensor sixteen;
  private final Tensor fifteen;
  private final Tensor low16;
  private final Tensor low17;
  private final Tensor high16;
  private final Tensor exponent;

  /**
   * Constants for matrices up to {@code width}.
   *
   * @param owner frees them
   */
  TorchRounding(int width, Device device, TensorScope owner) {
    this.device = device;
    try (TensorScope scope = TensorScope.open()) {
      int[] offsets = new int[width];
      Arrays.setAll(offsets, StochasticRounding::columnOffset);
      columns = Tensor.ofInts(offsets, width).to(device).copy().moveTo(owner);
    }
    firstFactor = constant(StochasticRounding.FIRST_FACTOR, owner);
    secondFactor = constant(StochasticRounding.SECOND_FACTOR, owner);
    sixteen = constant(16, owner);
    fifteen = constant(15, owner);
    low16 = constant(0xffff, owner);
    low17 = constant(0x1ffff, owner);
    high16 = constant(0xffff0000, owner);
    exponent = constant(0xff800000, owner);
  }

  private Tensor constant(int value, TensorScope owner) {
    try (TensorScope scope = TensorScope.open()) {
      return Tensor.ofInts(new int[] {value}, 1).to(device).copy().moveTo(owner);
    }
  }

  /**
   * The random bits of some rows at a step, int32 {@code [n, width]}.
   *
   * @param rows int32 {@code [n]}
   */
  Tensor bits(Tensor rows, int width, long step, int matrix) {
    Tensor stepKey = Tensor.ofInts(new int[] {StochasticRounding.stepKey(step, matrix)}, 1);
    Tensor keys = hash(rows.bitwiseXor(stepKey.to(device)));
    return hash(keys.reshape(rows.elements(), 1).bitwiseXor(columns.narrow(0, 0, width)));
  }

  private Tensor hash(Tensor numbers) {
    // Shifts keep the sign, so what they bring in from the left is masked.
    Tensor x = numbers.bitwiseXor(numbers.bitwiseRightShift(sixteen).bitwiseAnd(low16));
    x = x.mul(firstFactor);
    x = x.bitwiseXor(x.bitwiseRightShift(fifteen).bitwiseAnd(low17));
    x = x.mul(secondFactor);
    return x.bitwiseXor(x.bitwiseRightShift(sixteen).bitwiseAnd(low16));
  }

  /** First moments as bfloat16, by {@link #bits}. */
  Tensor first(Tensor moments, Tensor bits) {
    return round(moments, bits.bitwiseRightShift(sixteen).bitwiseAnd(low16));
  }

  /** Second moments as bfloat16, by {@link #bits}. */
  Tensor second(Tensor moments, Tensor bits) {
    return round(moments, bits.bitwiseAnd(low16));
  }

  private Tensor round(Tensor moments, Tensor field) {
    Tensor bits = moments.viewedAs(DType.I32);
    Tensor carry = bits.bitwiseAnd(low16).gt(field.bitwiseXor(low16)).to(DType.F32);
    // Neighbours in bfloat16 are a 128th of the power of two below them apart.
    Tensor step = bits.bitwiseAnd(exponent).viewedAs(DType.F32).mul(0x1p-7);
    return bits.bitwiseAnd(high16).viewedAs(DType.F32).add(step.mul(carry)).to(DType.BF16);
  }
}
