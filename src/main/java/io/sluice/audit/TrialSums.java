package io.sluice.audit;

import io.sluice.engine.arithmetic.Codes;
import java.util.BitSet;

/** What a trial adds up over tokens, which may come in parts. */
final class TrialSums {
  private final Trial trial;
  private final double[] sums;
  private final BitSet fired = new BitSet();
  private double squares;
  private double error;
  private long codes;
  private long tokens;

  /** Empty sums. */
  TrialSums(Trial trial, int outputWidth) {
    this.trial = trial;
    this.sums = new double[outputWidth];
  }

  Trial trial() {
    return trial;
  }

  /** Adds one value of a target and its reconstruction. */
  void add(int column, double target, double reconstruction) {
    double difference = reconstruction - target;
    error += difference * difference;
    squares += target * target;
    sums[column] += target;
  }

  /** Adds the codes of a batch. */
  void add(Codes batch, int rows) {
    for (int entry = 0; entry < batch.entries(); entry++) {
      fired.set(batch.feature(entry));
    }
    codes += batch.entries();
    tokens += rows;
  }

  long tokens() {
    return tokens;
  }

  /** Squared error over variance; not finite if the targets do not vary. */
  double fvu() {
    double ofMean = 0;
    for (double sum : sums) {
      ofMean += sum * sum / tokens;
    }
    double variance = squares - ofMean;
    return variance > 1e-12 * squares ? error / variance : Double.NaN;
  }

  double l0() {
    return (double) codes / tokens;
  }

  /** How many features fired. */
  int fired() {
    return fired.cardinality();
  }

  TrialResult result(int features) {
    return new TrialResult(trial, fvu(), l0(), (double) fired() / features);
  }
}
