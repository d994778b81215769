package io.sluice.engine;

import io.sluice.engine.activation.Learned;
import io.sluice.engine.activation.LearnedJumpReLU;
import io.sluice.engine.arithmetic.Arithmetic;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.arithmetic.DeviceActivations;
import io.sluice.engine.arithmetic.DeviceCodes;
import io.sluice.memory.Rows;
import io.sluice.memory.ScratchArrays;

/**
 * The codes of {@link LearnedJumpReLU}, and the gradients of its thresholds, for any arithmetic. It
 * works on the few codes of a batch; the arithmetic computes all products of rows.
 */
final class LearnedThresholds implements AutoCloseable {
  private final Arithmetic arithmetic;

  /** Null if codes are in host memory. */
  private final DeviceActivations device;

  private final FeatureVectors vectors;

  /** All features whose values lie above the lower end of their threshold's window. */
  private final Codes found = new Codes();

  /** Values in the lower half of the window: not active, but part of the threshold's gradient. */
  private final Codes below = new Codes();

  /** By entry of {@link #below}: the gradient that the code would have. */
  private float[] belowGradients = new float[0];

  private final float[] bounds;
  private final double[] thresholds;
  private double bandwidth;

  /** The penalty of one more code. */
  private double cost;

  LearnedThresholds(Arithmetic arithmetic, FeatureVectors vectors, int features) {
    this.arithmetic = arithmetic;
    this.device = arithmetic.activations();
    this.vectors = vectors;
    bounds = new float[features];
    thresholds = new double[features];
  }

  /** Fills the codes, or returns them if they stay on the device. */
  DeviceCodes encode(Rows input, double bandwidth, Codes codes) {
    this.bandwidth = bandwidth;
    cost = 0;
    float[] logs = vectors.values(Learned.LOG_THRESHOLD);
    for (int feature = 0; feature < logs.length; feature++) {
      thresholds[feature] = Math.exp(logs[feature]);
    }
    if (device != null) {
      return device.encodeThresholds(input, thresholds, bandwidth);
    }
    for (int feature = 0; feature < logs.length; feature++) {
      bounds[feature] = (float) (thresholds[feature] - bandwidth / 2);
    }
    arithmetic.encodeAbove(input, bounds, found);
    codes.begin(found.rows(), found.entries());
    below.begin(found.rows(), found.entries());
    int active = 0;
    int inactive = 0;
    for (int row = 0; row < found.rows(); row++) {
      int end = found.offset(row + 1);
      for (int entry = found.offset(row); entry < end; entry++) {
        int feature = found.feature(entry);
        float value = found.value(entry);
        if (value > thresholds[feature]) {
          codes.set(active++, feature, value);
        } else {
          below.put(inactive++, feature, value);
        }
      }
      codes.endRow(active);
      below.endRow(inactive);
    }
    return null;
  }

  /** After decoding: how the loss would change with codes that lie just below their threshold. */
  void findGradientsBelow() {
    belowGradients = ScratchArrays.atLeast(belowGradients, below.entries());
    if (below.entries() > 0) {
      arithmetic.residualProducts(below, belowGradients);
    }
  }

  /** Adds a penalty's slope at 0 to the gradients of codes just below their threshold. */
  void penaliseBelow(double slope, double[] norms) {
    for (int entry = 0; entry < below.entries(); entry++) {
      belowGradients[entry] += (float) (slope * norms[below.feature(entry)]);
    }
  }

  void setCost(double cost) {
    this.cost = cost;
    if (device != null) {
      device.setCountCost(cost);
    }
  }

  /** Forms the gradients of {@code log θ} where the codes are. */
  void formGradientsOnDevice() {
    device.formThresholdGradients(vectors.gradient(Learned.LOG_THRESHOLD));
  }

  /** Forms the gradients of {@code log θ}. */
  void formGradients(Codes codes, float[] codeGradients) {
    vectors.clearGradients();
    double[] gradient = vectors.gradient(Learned.LOG_THRESHOLD);
    for (int entry = 0; entry < codes.entries(); entry++) {
      int feature = codes.feature(entry);
      if (codes.value(entry) - thresholds[feature] < bandwidth / 2) {
        gradient[feature] += ofThreshold(feature, codeGradients[entry]);
      }
    }
    for (int entry = 0; entry < below.entries(); entry++) {
      int feature = below.feature(entry);
      gradient[feature] += ofThreshold(feature, belowGradients[entry]);
    }
  }

  private double ofThreshold(int feature, double codeGradient) {
    double threshold = thresholds[feature];
    return -threshold / bandwidth * (threshold * codeGradient + cost);
  }

  @Override
  public void close() {
    found.close();
    below.close();
  }
}
