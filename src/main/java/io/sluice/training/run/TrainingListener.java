package io.sluice.training.run;

/** Receives the events of a run; every method is optional. */
public interface TrainingListener {
  /** Listens to nothing. */
  TrainingListener NONE = new TrainingListener() {};

  /** A step is done. */
  default void stepped(long step, long tokens) {}

  /**
   * Whether the run should stop; called after each step. The run then writes a checkpoint and ends
   * with a {@link StoppedException}.
   */
  default boolean stops() {
    return false;
  }

  /** A line of metrics was written. */
  default void measured(Metrics metrics) {}
}
