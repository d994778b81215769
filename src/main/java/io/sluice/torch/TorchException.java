package io.sluice.torch;

/**
 * An error that LibTorch reported, with LibTorch's own message if there is one, or a failure to
 * find or load LibTorch.
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
