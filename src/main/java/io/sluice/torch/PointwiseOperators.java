package io.sluice.torch;

import io.sluice.torch.Call.Operator;

/**
 * Element-wise operators. Two tensors broadcast as in NumPy and PyTorch; a result of mixed types
 * has the wider type.
 */
public sealed interface PointwiseOperators permits Tensor {
  /** This plus {@code other}. */
  default Tensor add(Tensor other) {
    return Typed.add((Tensor) this, other, 1);
  }

  /** This plus {@code alpha · other}. */
  default Tensor add(Tensor other, double alpha) {
    return Typed.add((Tensor) this, other, alpha);
  }

  /** This plus a number. */
  default Tensor add(double other) {
    return Typed.add((Tensor) this, other);
  }

  /** This minus {@code other}. */
  default Tensor sub(Tensor other) {
    return Typed.add((Tensor) this, other, -1);
  }

  /** This minus a number. */
  default Tensor sub(double other) {
    return Typed.add((Tensor) this, -other);
  }

  /** This times {@code other}, element by element. */
  default Tensor mul(Tensor other) {
    return Typed.mul((Tensor) this, other);
  }

  /** This times a number. */
  default Tensor mul(double other) {
    return Typed.mul((Tensor) this, other);
  }

  /** This divided by {@code other}, element by element. */
  default Tensor div(Tensor other) {
    return Call.of(Aten.DIV).tensor((Tensor) this).tensor(other).one();
  }

  /** This divided by a number. */
  default Tensor div(double other) {
    return Typed.mul((Tensor) this, 1 / other);
  }

  /** This to the power {@code exponent}. */
  default Tensor pow(double exponent) {
    return Typed.pow((Tensor) this, exponent);
  }

  /** The square of each element. */
  default Tensor square() {
    return mul((Tensor) this);
  }

  /** Minus this. */
  default Tensor neg() {
    return unary(Aten.NEG);
  }

  /** The absolute value. */
  default Tensor abs() {
    return unary(Aten.ABS);
  }

  /** The square root. */
  default Tensor sqrt() {
    return unary(Aten.SQRT);
  }

  /** One over the square root. */
  default Tensor rsqrt() {
    return unary(Aten.RSQRT);
  }

  /** One over this. */
  default Tensor reciprocal() {
    return unary(Aten.RECIPROCAL);
  }

  /** The exponential function. */
  default Tensor exp() {
    return unary(Aten.EXP);
  }

  /** The natural logarithm. */
  default Tensor log() {
    return unary(Aten.LOG);
  }

  /** The sine. */
  default Tensor sin() {
    return unary(Aten.SIN);
  }

  /** The cosine. */
  default Tensor cos() {
    return unary(Aten.COS);
  }

  /** The hyperbolic tangent. */
  default Tensor tanh() {
    return unary(Aten.TANH);
  }

  /** {@code 1 / (1 + exp(−x))}. */
  default Tensor sigmoid() {
    return unary(Aten.SIGMOID);
  }

  /** {@code max(x, 0)}. */
  default Tensor relu() {
    return unary(Aten.RELU);
  }

  /** The Gaussian error linear unit {@code x·Φ(x)}, exact. */
  default Tensor gelu() {
    return Call.of(Aten.GELU).tensor((Tensor) this).text("none").one();
  }

  /** The Gaussian error linear unit in its tanh approximation ({@code gelu_new}). */
  default Tensor geluTanh() {
    return Call.of(Aten.GELU).tensor((Tensor) this).text("tanh").one();
  }

  /** {@code x·sigmoid(x)}. */
  default Tensor silu() {
    return unary(Aten.SILU);
  }

  /** The larger of both, element by element. */
  default Tensor maximum(Tensor other) {
    return Call.of(Aten.MAXIMUM).tensor((Tensor) this).tensor(other).one();
  }

  /** The smaller of both, element by element. */
  default Tensor minimum(Tensor other) {
    return Call.of(Aten.MINIMUM).tensor((Tensor) this).tensor(other).one();
  }

  /** Where both are equal; bool. */
  default Tensor eq(Tensor other) {
    return Call.of(Aten.EQ).tensor((Tensor) this).tensor(other).one();
  }

  /** Where both differ; bool. */
  default Tensor ne(Tensor other) {
    return Call.of(Aten.NE).tensor((Tensor) this).tensor(other).one();
  }

  /** Where this is less; bool. */
  default Tensor lt(Tensor other) {
    return Call.of(Aten.LT).tensor((Tensor) this).tensor(other).one();
  }

  /** Where this is less or equal; bool. */
  default Tensor le(Tensor other) {
    return Call.of(Aten.LE).tensor((Tensor) this).tensor(other).one();
  }

  /** Where this is greater; bool. */
  default Tensor gt(Tensor other) {
    return Call.of(Aten.GT).tensor((Tensor) this).tensor(other).one();
  }

  /** Where this is greater or equal; bool. */
  default Tensor ge(Tensor other) {
    return Call.of(Aten.GE).tensor((Tensor) this).tensor(other).one();
  }

  /** Where this is greater than a number; bool. */
  default Tensor gt(double other) {
    Tensor self = (Tensor) this;
    try (Tensor number = Tensor.scalar(other, self.dtype(), self.device())) {
      return gt(number);
    }
  }

  /** The bits that are set in both; integers or bool. */
  default Tensor bitwiseAnd(Tensor other) {
    return Call.of(Aten.BITWISE_AND).tensor((Tensor) this).tensor(other).one();
  }

  /** The bits that are set in one of both; integers or bool. */
  default Tensor bitwiseXor(Tensor other) {
    return Call.of(Aten.BITWISE_XOR).tensor((Tensor) this).tensor(other).one();
  }

  /** Integers shifted to the right by {@code other} bits; the sign is kept. */
  default Tensor bitwiseRightShift(Tensor other) {
    return Call.of(Aten.BITWISE_RIGHT_SHIFT).tensor((Tensor) this).tensor(other).one();
  }

  /** Where this is neither NaN nor infinite; bool. */
  default Tensor isFinite() {
    return unary(Aten.ISFINITE);
  }

  /** Not this; bool. */
  default Tensor not() {
    return unary(Aten.LOGICAL_NOT);
  }

  /** {@code a} where this bool tensor is true, {@code b} elsewhere. */
  default Tensor where(Tensor a, Tensor b) {
    return Call.of(Aten.WHERE).tensor((Tensor) this).tensor(a).tensor(b).one();
  }

  /** This towards {@code end} by the fraction {@code weight}: {@code x + weight·(end − x)}. */
  default Tensor lerp(Tensor end, Tensor weight) {
    return Call.of(Aten.LERP).tensor((Tensor) this).tensor(end).tensor(weight).one();
  }

  /** {@link #lerp}, in place. */
  default Tensor lerp_(Tensor end, Tensor weight) {
    return Call.of(Aten.LERP_).tensor((Tensor) this).tensor(end).tensor(weight).into((Tensor) this);
  }

  /** Multiplies in place. */
  default Tensor mul_(Tensor other) {
    return Call.of(Aten.MUL_).tensor((Tensor) this).tensor(other).into((Tensor) this);
  }

  /** Multiplies by a number in place. */
  default Tensor mul_(double other) {
    Tensor self = (Tensor) this;
    try (Tensor number = Tensor.scalar(other, self.dtype(), self.device())) {
      return mul_(number);
    }
  }

  /** Divides in place. */
  default Tensor div_(Tensor other) {
    return Call.of(Aten.DIV_).tensor((Tensor) this).tensor(other).into((Tensor) this);
  }

  /** The square root in place. */
  default Tensor sqrt_() {
    return Call.of(Aten.SQRT_).tensor((Tensor) this).into((Tensor) this);
  }

  /** {@code max(x, 0)} in place. */
  default Tensor relu_() {
    return Call.of(Aten.RELU_).tensor((Tensor) this).into((Tensor) this);
  }

  /** Sets every element to 0. */
  default Tensor zero_() {
    return Typed.zero((Tensor) this);
  }

  /** Sets every element to {@code value}. */
  default Tensor fill_(double value) {
    return Typed.fill((Tensor) this, value);
  }

  /** Sets the elements from {@code source}, broadcasting and converting type and device. */
  default Tensor copy_(Tensor source) {
    return Typed.copy((Tensor) this, source);
  }

  /**
   * As {@link #copy_}, but from {@linkplain Tensor#emptyPinned page-locked memory} the call returns
   * at once, and the device copies later. The source must stay open and unchanged until something
   * has been read back from the device after this call.
   */
  default Tensor copyLater_(Tensor source) {
    return Typed.copy((Tensor) this, source, true);
  }

  private Tensor unary(Operator operator) {
    return Call.of(operator).tensor((Tensor) this).one();
  }
}
