package io.sluice.engine.arithmetic;

/**
 * What comes to the gradients of rows and biases beside what the gradients of codes make of them.
 *
 * @param decoderRows by feature, how much of its own decoder row a penalty adds to that row's
 *     gradient; where the decoder writes several places, how much of each part of that row at unit
 *     length. Null where there is no penalty
 * @param encoderBias by feature, what the encoder bias's gradient is less than the sum of the
 *     gradients of codes; null for nothing
 */
public record GradientTerms(double[] decoderRows, double[] encoderBias) {}
