package io.sluice.training;

import java.util.OptionalDouble;

/**
 * The threshold with which a BatchTopK dictionary is used after training: an exponential moving
 * average of the lowest score that each batch kept. Part of a checkpoint.
 */
final class RunningThreshold {
  private static final double DECAY = 0.99;

  /** Starts at 0 and is corrected for that, as Adam's moments are. */
  private double mean;

  private long batches;

  RunningThreshold() {}

  RunningThreshold(double mean, long batches) {
    this.mean = mean;
    this.batches = batches;
  }

  void add(double leastScore) {
    mean = DECAY * mean + (1 - DECAY) * leastScore;
    batches++;
  }

  /** The threshold, if there was a batch. */
  OptionalDouble value() {
    return batches == 0
        ? OptionalDouble.empty()
        : OptionalDouble.of(mean / (1 - Math.pow(DECAY, batches)));
  }

  double mean() {
    return mean;
  }

  long batches() {
    return batches;
  }
}
