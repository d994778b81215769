package io.sluice.engine;

import io.sluice.engine.activation.Learned;
import io.sluice.engine.activation.LearnedGated;
import io.sluice.engine.arithmetic.Arithmetic;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.arithmetic.DeviceActivations;
import io.sluice.engine.arithmetic.DeviceCodes;
import io.sluice.memory.Rows;
import io.sluice.memory.ScratchArrays;

/**
 * The codes of {@link LearnedGated}, and the gradients of its gates and magnitudes, for any
 * arithmetic. It works on the few codes of a batch; the arithmetic computes all products of rows.
 */
final class LearnedGates implements AutoCloseable {
  private final Arithmetic arithmetic;

  /** Null if codes are in host memory. */
  private final DeviceActivations device;

  private final FeatureVectors vectors;

  /** All features whose gate is open; their values are magnitudes, 0 among them. */
  private final Codes open = new Codes();

  /** By entry of {@link #open}: how far the gate is open, and the gradient of that. */
  private float[] openings = new float[0];

  private float[] openingGradients = new float[0];

  /** The thresholds of gates. */
  private final float[] zeros;

  private final float[] gateBias;
  private final double[] biasShift;

  /** By feature, where codes stay on the device. */
  private final double[] scales;

  LearnedGates(Arithmetic arithmetic, FeatureVectors vectors, int features) {
    this.arithmetic = arithmetic;
    this.device = arithmetic.activations();
    this.vectors = vectors;
    zeros = new float[features];
    gateBias = new float[features];
    biasShift = new double[features];
    scales = new double[device == null ? 0 : features];
  }

  /** Fills the codes, or returns them if they stay on the device. */
  DeviceCodes encode(Rows input, Codes codes) {
    if (device != null) {
      float[] logs = vectors.values(Learned.LOG_SCALE);
      for (int feature = 0; feature < logs.length; feature++) {
        scales[feature] = Math.exp(logs[feature]);
      }
      return device.encodeGates(input, scales, vectors.values(Learned.MAGNITUDE_BIAS));
    }
    arithmetic.encodeAbove(input, zeros, open);
    arithmetic.readEncoderBias(gateBias);
    float[] logScale = vectors.values(Learned.LOG_SCALE);
    float[] bias = vectors.values(Learned.MAGNITUDE_BIAS);
    openings = ScratchArrays.atLeast(openings, open.entries());
    codes.begin(open.rows(), open.entries());
    int active = 0;
    for (int row = 0; row < open.rows(); row++) {
      int end = open.offset(row + 1);
      for (int entry = open.offset(row); entry < end; entry++) {
        int feature = open.feature(entry);
        float opening = open.value(entry);
        double product = (double) opening - gateBias[feature];
        float magnitude = (float) (Math.exp(logScale[feature]) * product + bias[feature]);
        openings[entry] = opening;
        open.put(entry, feature, Math.max(0, magnitude));
        if (magnitude > 0) {
          codes.set(active++, feature, magnitude);
        }
      }
      codes.endRow(active);
    }
    return null;
  }

  /** Entries of open gates, whose values are the magnitudes, 0 among them. */
  Codes open() {
    return open;
  }

  /** By entry of {@link #open}: how far the gate is open. */
  float[] openings() {
    return openings;
  }

  /** By entry of {@link #open}: the gradient of the opening. */
  float[] openingGradients() {
    return openingGradients;
  }

  /** After decoding: the gradients of the error that openings make in the magnitudes' place. */
  void findOpeningGradients(Rows target) {
    openingGradients = ScratchArrays.atLeast(openingGradients, open.entries());
    if (open.entries() > 0) {
      arithmetic.auxiliaryGradients(target, open, openings, openingGradients);
    }
  }

  /** Forms all gradients where the codes are. */
  void formGradientsOnDevice() {
    device.formGateGradients(
        vectors.gradient(Learned.LOG_SCALE), vectors.gradient(Learned.MAGNITUDE_BIAS));
  }

  /**
   * Makes gradients of pre-activations of those of magnitudes, and forms the gradients of scales
   * and magnitudes' biases.
   *
   * @param gradients by entry of {@link #open}, changed in place
   */
  void formGradients(float[] gradients) {
    vectors.clearGradients();
    float[] logScale = vectors.values(Learned.LOG_SCALE);
    float[] bias = vectors.values(Learned.MAGNITUDE_BIAS);
    double[] ofScale = vectors.gradient(Learned.LOG_SCALE);
    double[] ofBias = vectors.gradient(Learned.MAGNITUDE_BIAS);
    for (int entry = 0; entry < open.entries(); entry++) {
      int feature = open.feature(entry);
      float magnitude = open.value(entry);
      double product = openingGradients[entry];
      if (magnitude > 0) {
        double gradient = gradients[entry];
        ofScale[feature] += gradient * (magnitude - bias[feature]);
        ofBias[feature] += gradient;
        product += gradient * Math.exp(logScale[feature]);
      }
      gradients[entry] = (float) product;
    }
    for (int feature = 0; feature < biasShift.length; feature++) {
      biasShift[feature] = Math.exp(logScale[feature]) * ofBias[feature];
    }
  }

  /**
   * By feature, what of the summed gradients of {@code ⟨w, x⟩} is not the encoder bias's: that of
   * the magnitudes, which have a bias of their own.
   */
  double[] biasShift() {
    return biasShift;
  }

  @Override
  public void close() {
    open.close();
  }
}
