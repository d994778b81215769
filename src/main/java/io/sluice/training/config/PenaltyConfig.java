package io.sluice.training.config;

import io.sluice.engine.spec.Penalty;
import java.util.Objects;

/**
 * The penalty on codes in training, and how it changes from step to step.
 *
 * @param kind the function of a code
 * @param weight of the penalty, relative to the squared error; 0 for none
 * @param steps steps over which the weight rises linearly from 0
 * @param scale s of {@link PenaltyKind#TANH}
 * @param lastExponent the p that {@link PenaltyKind#POWER} ends with
 * @param from the step at which p begins to fall from 1
 * @param to the step at which it has fallen
 * @param stages how many times it falls; each time the weight is set so that the penalty of the
 *     last few batches would have stayed what it was
 */
public record PenaltyConfig(
    PenaltyKind kind,
    double weight,
    long steps,
    double scale,
    double lastExponent,
    long from,
    long to,
    int stages) {
  /** No penalty. */
  public static final PenaltyConfig NONE = of(PenaltyKind.L1, 0, 0);

  private static final double MOST = 1e30;

  public PenaltyConfig {
    Objects.requireNonNull(kind, "kind");
    if (!(weight >= 0 && weight < MOST)) {
      throw new IllegalArgumentException(
          "a penalty's weight must be at least 0 and finite, not " + weight);
    }
    if (steps < 0) {
      throw new IllegalArgumentException("penalty steps must be at least 0, not " + steps);
    }
    if (!(scale > 0 && scale < MOST)) {
      throw new IllegalArgumentException("the scale of tanh must be positive, not " + scale);
    }
    if (!(lastExponent > 0 && lastExponent <= 1)) {
      throw new IllegalArgumentException("an exponent p must lie in (0, 1], not " + lastExponent);
    }
    if (from < 0 || to < from || stages < 1) {
      throw new IllegalArgumentException(
          "p falls in at least one stage between two steps, not in %d from step %d to %d"
              .formatted(stages, from, to));
    }
  }

  /** A penalty of one kind; tanh with scale 1, and p-annealing from 1 to 0.2 with no steps yet. */
  public static PenaltyConfig of(PenaltyKind kind, double weight, long steps) {
    return new PenaltyConfig(kind, weight, steps, 1, 0.2, 0, 0, 10);
  }

  /** The same with another scale of tanh. */
  public PenaltyConfig withScale(double value) {
    return new PenaltyConfig(kind, weight, steps, value, lastExponent, from, to, stages);
  }

  /** The same with p falling to {@code last} between two steps. */
  public PenaltyConfig annealing(double last, long fromStep, long toStep, int times) {
    return new PenaltyConfig(kind, weight, steps, scale, last, fromStep, toStep, times);
  }

  /** The weight at step {@code step}, counted from 1, before p-annealing changes it. */
  public double weight(long step) {
    return step >= steps ? weight : weight * step / steps;
  }

  /** The penalty at step {@code step}, counted from 1. */
  public Penalty penalty(long step) {
    return switch (kind) {
      case L1 -> new Penalty.Linear();
      case TANH -> new Penalty.Tanh(scale);
      case POWER -> new Penalty.Power(exponent(step));
      case L0 -> new Penalty.Count();
    };
  }

  /** p at step {@code step}. */
  public double exponent(long step) {
    return 1 + (lastExponent - 1) * stage(step) / stages;
  }

  private int stage(long step) {
    if (kind != PenaltyKind.POWER || step < from) {
      return 0;
    }
    return step >= to ? stages : (int) ((step - from) * stages / (to - from));
  }
}
