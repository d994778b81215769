package io.sluice.training;

import io.sluice.engine.Engine;
import io.sluice.engine.spec.Penalty;
import io.sluice.training.config.PenaltyConfig;
import io.sluice.training.config.PenaltyKind;

/**
 * Keeps the size of a penalty when its exponent changes: the weight is multiplied by the penalty of
 * the last few batches with the old exponent, divided by that with the new one (Karvonen et al.
 * 2024, arXiv 2408.00113). Part of a checkpoint.
 */
final class PenaltyAnnealing {
  /** Batches that a change looks back on. */
  private static final int BATCHES = 10;

  private double factor;
  private double before;
  private double after;

  PenaltyAnnealing() {
    this(1, 0, 0);
  }

  PenaltyAnnealing(double factor, double before, double after) {
    this.factor = factor;
    this.before = before;
    this.after = after;
  }

  /** The factor of the weight. */
  double factor() {
    return factor;
  }

  double before() {
    return before;
  }

  double after() {
    return after;
  }

  /** Looks at the batch of {@code step}, which is decoded. */
  void look(Engine engine, PenaltyConfig config, long step) {
    if (config.kind() != PenaltyKind.POWER) {
      return;
    }
    double now = config.exponent(step);
    for (int ahead = 1; ahead <= BATCHES; ahead++) {
      double next = config.exponent(step + ahead);
      if (next != now) {
        before += engine.charge(new Penalty.Power(now));
        after += engine.charge(new Penalty.Power(next));
        if (ahead == 1) {
          factor *= after > 0 ? before / after : 1;
          before = 0;
          after = 0;
        }
        return;
      }
    }
  }
}
