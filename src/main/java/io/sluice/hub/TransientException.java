package io.sluice.hub;

import java.io.IOException;
import java.time.Duration;

/** A failure that may be gone a moment later: a cut connection, a busy server. */
class TransientException extends IOException {
  private static final long serialVersionUID = 1;

  /** How long the server asks to wait; null if it does not say. */
  private final transient Duration asked;

  TransientException(String message) {
    super(message);
    this.asked = null;
  }

  TransientException(String message, Throwable cause) {
    super(message, cause);
    this.asked = null;
  }

  TransientException(String message, Duration asked) {
    super(message);
    this.asked = asked;
  }

  Duration asked() {
    return asked;
  }
}
