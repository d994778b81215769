package io.sluice.training.run;

/** Training left the finite numbers, though its data did not. */
public final class DivergedException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** With a message that says at which step and what to try. */
  public DivergedException(String message) {
    super(message);
  }
}
