package io.sluice.engine;

import java.util.Arrays;

/**
 * Codes and gradients of what is {@link Learned} per feature, for any engine: who is active by a
 * threshold or a gate of its own, and how these learn. It works on entries, of which a batch has
 * few, and leaves all products of rows to the engine.
 */
final class LearnedActivity implements AutoCloseable {
  private final CheckedEngine engine;
  private final FeatureVectors vectors;

  /** What the engine found: all within reach of their threshold, or all whose gate is open. */
  private final Codes found = new Codes();

  /** What lies in the window just below its threshold: not active, but felt by it. */
  private final Codes near = new Codes();

  private float[] bounds = new float[0];
  private double[] thresholds = new double[0];
  private double bandwidth;

  /** What one more code costs. */
  private double cost;

  private float[] gateBias = new float[0];

  /** By entry of {@link #found}: how far gates are open. */
  private float[] openings = new float[0];

  /** By entry of {@link #near}, or of {@link #found} for gates. */
  private float[] sideGradients = new float[0];

  private double[] biasShift = new double[0];

  LearnedActivity(CheckedEngine engine, FeatureVectors vectors) {
    this.engine = engine;
    this.vectors = vectors;
    int features = engine.spec().features();
    switch (engine.spec().learned()) {
      case NOTHING -> {}
      case THRESHOLD -> {
        bounds = new float[features];
        thresholds = new double[features];
      }
      case GATE -> {
        bounds = new float[features];
        gateBias = new float[features];
        biasShift = new double[features];
      }
    }
  }

  // ---- thresholds ----

  void encodeByThreshold(Rows input, double bandwidth, Codes codes) {
    this.bandwidth = bandwidth;
    cost = 0;
    float[] logs = vectors.values(Learned.LOG_THRESHOLD);
    for (int feature = 0; feature < logs.length; feature++) {
      thresholds[feature] = Math.exp(logs[feature]);
      bounds[feature] = (float) (thresholds[feature] - bandwidth / 2);
    }
    engine.encodeAbove(input, bounds, found);
    codes.begin(found.rows(), found.entries());
    near.begin(found.rows(), found.entries());
    int active = 0;
    int below = 0;
    for (int row = 0; row < found.rows(); row++) {
      int end = found.offset(row + 1);
      for (int entry = found.offset(row); entry < end; entry++) {
        int feature = found.feature(entry);
        float value = found.value(entry);
        if (value > thresholds[feature]) {
          codes.set(active++, feature, value);
        } else {
          near.put(below++, feature, value);
        }
      }
      codes.endRow(active);
      near.endRow(below);
    }
  }

  /** After decoding: how the loss would change with codes that are just not there. */
  void meetNear() {
    sideGradients = grown(sideGradients, near.entries());
    if (near.entries() > 0) {
      engine.residualProducts(near, sideGradients);
    }
  }

  /** Adds a penalty's slope at 0 to the gradients of codes that are just not there. */
  void chargeNear(double slope, double[] norms) {
    for (int entry = 0; entry < near.entries(); entry++) {
      sideGradients[entry] += (float) (slope * norms[near.feature(entry)]);
    }
  }

  void setCost(double cost) {
    this.cost = cost;
  }

  void formThresholdGradients(Codes codes, float[] codeGradients) {
    vectors.clearGradients();
    double[] gradient = vectors.gradient(Learned.LOG_THRESHOLD);
    for (int entry = 0; entry < codes.entries(); entry++) {
      int feature = codes.feature(entry);
      if (codes.value(entry) - thresholds[feature] < bandwidth / 2) {
        gradient[feature] += ofThreshold(feature, codeGradients[entry]);
      }
    }
    for (int entry = 0; entry < near.entries(); entry++) {
      int feature = near.feature(entry);
      gradient[feature] += ofThreshold(feature, sideGradients[entry]);
    }
  }

  private double ofThreshold(int feature, double codeGradient) {
    double threshold = thresholds[feature];
    return -threshold / bandwidth * (threshold * codeGradient + cost);
  }

  // ---- gates ----

  void encodeByGate(Rows input, Codes codes) {
    Arrays.fill(bounds, 0);
    engine.encodeAbove(input, bounds, found);
    engine.readEncoderBias(gateBias);
    float[] logScale = vectors.values(Learned.LOG_SCALE);
    float[] bias = vectors.values(Learned.MAGNITUDE_BIAS);
    openings = grown(openings, found.entries());
    codes.begin(found.rows(), found.entries());
    int active = 0;
    for (int row = 0; row < found.rows(); row++) {
      int end = found.offset(row + 1);
      for (int entry = found.offset(row); entry < end; entry++) {
        int feature = found.feature(entry);
        float opening = found.value(entry);
        double product = (double) opening - gateBias[feature];
        float magnitude = (float) (Math.exp(logScale[feature]) * product + bias[feature]);
        openings[entry] = opening;
        found.put(entry, feature, Math.max(0, magnitude));
        if (magnitude > 0) {
          codes.set(active++, feature, magnitude);
        }
      }
      codes.endRow(active);
    }
  }

  /** Entries of open gates, whose values are the magnitudes, 0 among them. */
  Codes gated() {
    return found;
  }

  /** By entry of {@link #gated}: how far the gate is open. */
  float[] openings() {
    return openings;
  }

  /** By entry of {@link #gated}: the gradient of the opening. */
  float[] openingGradients() {
    return sideGradients;
  }

  /** After decoding: the gradients of the error that openings make in the magnitudes' place. */
  void meetOpenings(Rows target) {
    sideGradients = grown(sideGradients, found.entries());
    if (found.entries() > 0) {
      engine.auxiliaryGradients(target, found, openings, sideGradients);
    }
  }

  /**
   * Turns gradients of magnitudes, by entry of {@link #gated}, into those of pre-activations.
   *
   * @param gradients changed in place
   */
  void formGateGradients(float[] gradients) {
    vectors.clearGradients();
    float[] logScale = vectors.values(Learned.LOG_SCALE);
    float[] bias = vectors.values(Learned.MAGNITUDE_BIAS);
    double[] ofScale = vectors.gradient(Learned.LOG_SCALE);
    double[] ofBias = vectors.gradient(Learned.MAGNITUDE_BIAS);
    for (int entry = 0; entry < found.entries(); entry++) {
      int feature = found.feature(entry);
      float magnitude = found.value(entry);
      double product = sideGradients[entry];
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

  private static float[] grown(float[] array, int length) {
    return array.length >= length ? array : new float[length];
  }

  @Override
  public void close() {
    found.close();
    near.close();
  }
}
