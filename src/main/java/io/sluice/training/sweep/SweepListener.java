package io.sluice.training.sweep;

import io.sluice.training.run.RunResult;

/** Receives the events of a sweep; every method is optional. */
public interface SweepListener {
  /** Listens to nothing. */
  SweepListener NONE = new SweepListener() {};

  /** Some cells begin to share each batch. */
  default void sharing(int cells) {}

  /** A cell has done a step. */
  default void stepped(SweepCell cell, long step) {}

  /**
   * Whether the sweep should stop; called after each batch. The cells that share it then write
   * checkpoints, and the sweep ends with a {@link io.sluice.training.run.StoppedException}.
   */
  default boolean stops() {
    return false;
  }

  /** A cell has ended. */
  default void ended(SweepCell cell, RunResult result) {}

  /** A cell cannot be trained; the others continue. */
  default void failed(SweepCell cell, String why) {}
}
