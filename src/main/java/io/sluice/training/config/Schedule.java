package io.sluice.training.config;

/**
 * How long a Lorsa is trained, and in which steps.
 *
 * @param learningRate peak learning rate of Adam
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param epsilon ε of Adam
 * @param contexts contexts per step
 * @param steps optimiser steps
 * @param warmupSteps steps over which the learning rate rises linearly from 0
 * @param decaySteps last steps, over which it falls linearly to 0
 * @param deadWindow tokens after which a head that did not fire counts as dead; 0 for 10,000,000,
 *     or a quarter of the run if that is less
 * @param checkpointEvery steps between checkpoints; 0 for none
 * @param logEvery steps between lines of metrics
 */
public record Schedule(
    double learningRate,
    double beta1,
    double beta2,
    double epsilon,
    int contexts,
    long steps,
    long warmupSteps,
    long decaySteps,
    long deadWindow,
    long checkpointEvery,
    long logEvery) {
  /**
   * Checks the numbers.
   *
   * @throws IllegalArgumentException if one is out of range, or warm-up and decay do not fit
   */
  public Schedule {
    if (!(learningRate > 0) || Double.isInfinite(learningRate)) {
      throw new IllegalArgumentException("learning rate must be positive, not " + learningRate);
    }
    if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1)) {
      throw new IllegalArgumentException("betas must lie in [0, 1): " + beta1 + " and " + beta2);
    }
    if (!(epsilon > 0)) {
      throw new IllegalArgumentException("epsilon must be positive, not " + epsilon);
    }
    atLeast("contexts per step", contexts, 1);
    atLeast("steps", steps, 1);
    atLeast("warm-up steps", warmupSteps, 0);
    atLeast("decay steps", decaySteps, 0);
    if (warmupSteps + decaySteps > steps) {
      throw new IllegalArgumentException(
          "warm-up (%d steps) and decay (%d steps) do not fit into %d steps"
              .formatted(warmupSteps, decaySteps, steps));
    }
    atLeast("dead window", deadWindow, 0);
    atLeast("steps between checkpoints", checkpointEvery, 0);
    atLeast("steps between metrics", logEvery, 1);
  }

  /** Adam with its usual numbers, no warm-up, a line of metrics every 25 steps. */
  public static Schedule of(long steps, int contexts) {
    return new Schedule(1e-3, 0.9, 0.999, 1e-8, contexts, steps, 0, 0, 0, 500, 25);
  }

  /** The same with another dead window. */
  public Schedule withDeadWindow(long tokens) {
    return new Schedule(
        learningRate,
        beta1,
        beta2,
        epsilon,
        contexts,
        steps,
        warmupSteps,
        decaySteps,
        tokens,
        checkpointEvery,
        logEvery);
  }

  /** The learning rate of step {@code step}, counted from 1. */
  public double learningRate(long step) {
    double rate = learningRate;
    if (step < warmupSteps) {
      rate *= (double) step / warmupSteps;
    }
    long left = steps - step + 1;
    if (left < decaySteps) {
      rate *= (double) left / decaySteps;
    }
    return rate;
  }

  public static void atLeast(String name, long value, long least) {
    if (value < least) {
      throw new IllegalArgumentException(name + " must be at least " + least + ", not " + value);
    }
  }
}
