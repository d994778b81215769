package io.sluice.training;

import io.sluice.training.run.TrainingListener;

/**
 * Ends a run after a step as if its process had ended: nothing is saved.
 *
 * @param step after which step
 */
public record FailingAt(long step) implements TrainingListener {
  @Override
  public void stepped(long done, long tokens) {
    if (done == step) {
      throw new IllegalStateException("stopped");
    }
  }
}
