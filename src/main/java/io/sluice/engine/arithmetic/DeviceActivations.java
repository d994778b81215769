package io.sluice.engine.arithmetic;

import io.sluice.engine.spec.Penalty;
import io.sluice.memory.Rows;
import java.util.function.DoubleSupplier;

/**
 * Thresholds, learned thresholds and gates, and penalties, on codes that stay on the device of an
 * {@link Arithmetic}: what {@code CheckedEngine} otherwise computes of codes in host memory. Host
 * memory has only what is kept for each feature: thresholds, gates and their gradients.
 *
 * <p>The methods are called in the order of {@code Engine}: one that encodes, {@link
 * Arithmetic#decode}, {@link #findLearnedGradients}, {@link #penalise}, the gradients of what is
 * learned, {@link Arithmetic#accumulate}.
 */
public interface DeviceActivations {

  /**
   * Finds the features whose score, by the pre-activation, is above their bound.
   *
   * @param bounds one for each feature, which may be negative
   */
  DeviceCodes encodeAbove(Rows input, float[] bounds);

  /**
   * Finds the features above their learned threshold, and apart from them those in the lower half
   * of its window.
   *
   * @param thresholds one for each feature
   * @param bandwidth the width of the window
   */
  DeviceCodes encodeThresholds(Rows input, double[] thresholds, double bandwidth);

  /**
   * Finds the features whose gate is open, and their magnitudes, {@code scale · (pre-activation −
   * encoder bias) + bias}. The codes are the magnitudes above 0.
   *
   * @param scales one for each feature
   * @param biases one for each feature
   */
  DeviceCodes encodeGates(Rows input, double[] scales, float[] biases);

  /**
   * After decoding with gradients: the gradients of codes just below their thresholds, or of the
   * openings of gates.
   *
   * @param target what was decoded
   */
  void findLearnedGradients(Rows target);

  /** The sum of what the batch's codes, or openings, are charged. */
  double charge(Penalty penalty);

  /**
   * Adds a penalty to the gradients of codes, or openings, and of decoder rows.
   *
   * @param factor of the penalty in the loss
   * @return what {@link #charge} does, computed when it is asked for, until the next batch
   */
  DoubleSupplier penalise(Penalty penalty, double factor);

  /** Sets what one more code costs, which moves learned thresholds. */
  void setCountCost(double cost);

  /**
   * Forms the gradients of the logarithms of learned thresholds.
   *
   * @param gradient replaced, one for each feature
   */
  void formThresholdGradients(double[] gradient);

  /**
   * Forms the gradients of gates, and makes gradients of pre-activations of those of magnitudes.
   *
   * @param ofScales replaced, one for the logarithm of each feature's scale
   * @param ofBiases replaced, one for the bias of each feature's magnitude
   */
  void formGateGradients(double[] ofScales, double[] ofBiases);
}
