package io.sluice.torch;

/**
 * An error that LibTorch reported, or a failure to find or load it; the message is LibTorch's own
 * where there is one.
 */
public final class TorchException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public TorchException(String message) {
    super(message);
  }

  public TorchException(String message, Throwable cause) {
    super(message, cause);
  }
}
