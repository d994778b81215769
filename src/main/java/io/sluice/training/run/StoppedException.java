package io.sluice.training.run;

/** A run was stopped because its listener asked for it; it can be resumed where it was. */
public final class StoppedException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** With a message that names the step. */
  public StoppedException(String message) {
    super(message);
  }
}
