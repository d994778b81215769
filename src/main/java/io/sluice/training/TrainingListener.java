package io.sluice.training;

/** Is told how a run goes; every method may be left out. */
public interface TrainingListener {
  /** Listens to nothing. */
  TrainingListener NONE = new TrainingListener() {};

  /** The start is known: which scale, subspace and norm the data asked for. */
  default void started(StartingPoint start) {}

  /** A step is done. */
  default void stepped(long step, long tokens) {}

  /** A line of metrics was written. */
  default void measured(Metrics metrics) {}
}
