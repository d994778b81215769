package io.sluice.hub;

/** No connection to a server could be made. */
final class UnreachableException extends TransientException {
  private static final long serialVersionUID = 1;

  UnreachableException(String message, Throwable cause) {
    super(message, cause);
  }
}
