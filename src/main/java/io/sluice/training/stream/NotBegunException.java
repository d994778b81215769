package io.sluice.training.stream;

/** The first window was to be captured, and something asked to stop before it was there. */
public final class NotBegunException extends RuntimeException {
  private static final long serialVersionUID = 1;

  NotBegunException() {
    super("stopped while the first window was captured");
  }
}
