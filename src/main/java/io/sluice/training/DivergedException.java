package io.sluice.training;

/** Training left the finite numbers, though its data did not. */
public final class DivergedException extends RuntimeException {
  private static final long serialVersionUID = 1;

  DivergedException(String message) {
    super(message);
  }
}
