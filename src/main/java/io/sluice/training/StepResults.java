package io.sluice.training;

import io.sluice.engine.Engine;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.arithmetic.BatchResult;
import io.sluice.training.config.TrainingConfig;
import io.sluice.training.run.DivergedException;
import io.sluice.training.run.RunLoop;
import java.util.ArrayList;
import java.util.List;

/**
 * What steps have resulted in: sums for metrics, the running threshold, and whether training has
 * diverged. An engine may keep the results of some steps on its device until they are read.
 */
final class StepResults {
  /** Steps whose results may stay on a device: a run that diverges goes on for no more. */
  private static final int UNREAD = 256;

  private final TrainingConfig config;
  private final RunLoop loop;
  private final RunningThreshold threshold;

  /** The steps whose results the engine still has. */
  private final List<Unread> unread = new ArrayList<>();

  /** Why nothing may be written any more; null unless training diverged. */
  private String divergence;

  private record Unread(long step, int rows) {}

  /**
   * Results of steps to come.
   *
   * @param loop is given the sums
   * @param threshold the one until now
   */
  StepResults(TrainingConfig config, RunLoop loop, RunningThreshold threshold) {
    this.config = config;
    this.loop = loop;
    this.threshold = threshold;
  }

  /** The threshold of the steps that are read. */
  RunningThreshold threshold() {
    return threshold;
  }

  /** Notes a step whose result the engine keeps; whether it is time to read. */
  boolean leave(long step, int rows) {
    unread.add(new Unread(step, rows));
    return unread.size() == UNREAD;
  }

  /**
   * Takes the results of steps that the engine still has, so that nothing is written of a run that
   * has diverged.
   *
   * @throws DivergedException if the loss of a step is not finite, or was not
   */
  void read(Engine engine) {
    if (divergence != null) {
      throw new DivergedException(divergence);
    }
    List<BatchResult> results = engine.takeResults();
    for (int i = 0; i < results.size(); i++) {
      BatchResult result = results.get(i);
      Unread of = unread.get(i);
      requireFinite(result.squaredError(), of.step());
      take(result.squaredError(), result.codes(), result.leastScore(), of.rows());
    }
    unread.clear();
  }

  /** Takes the result of one step, whose loss is finite. */
  void take(double squaredError, int codes, float leastScore, int rows) {
    loop.addTally(squaredError, codes, rows);
    if (config.sparsity().activation() instanceof BatchTopK && codes > 0) {
      threshold.add(leastScore);
    }
  }

  /**
   * Refuses a loss that is no number.
   *
   * @throws DivergedException if it is not finite
   */
  void requireFinite(double error, long step) {
    if (!Double.isFinite(error)) {
      throw diverged("the loss is " + error, step);
    }
  }

  /** Training has diverged: from now on nothing is read, and so nothing written. */
  DivergedException diverged(String what, long step) {
    divergence =
        "%s at step %s, though the activations are finite; try a lower learning rate than %s"
            .formatted(what, step, config.schedule().learningRate());
    return new DivergedException(divergence);
  }
}
