package io.sluice.engine.arithmetic;

/**
 * Terms of the gradients of decoder rows and encoder biases that do not follow from the gradients
 * of codes.
 *
 * @param decoderRows by feature, the factor of its decoder row that a penalty adds to the gradient
 *     of that row; if the decoder writes several hook points, the factor of each part of the row,
 *     scaled to unit length. Null without a penalty
 * @param encoderBias by feature, the number to subtract from the sum of the gradients of codes to
 *     get the gradient of the encoder bias; null for nothing
 */
public record GradientTerms(double[] decoderRows, double[] encoderBias) {
  /** None of them. */
  public static final GradientTerms NONE = new GradientTerms(null, null);
}
