package io.sluice.training.run;

/** Training produced NaN or infinity although its data is finite. */
public final class DivergedException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** With a message that names the step and a remedy. */
  public DivergedException(String message) {
    super(message);
  }
}
