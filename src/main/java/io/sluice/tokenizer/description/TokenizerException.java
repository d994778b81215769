package io.sluice.tokenizer.description;

/**
 * A part of a tokenizer's description that is not supported, or text for which it has no ids. The
 * message is one line and does not name the file, which only the caller knows.
 */
public final class TokenizerException extends Exception {
  private static final long serialVersionUID = 1;

  public TokenizerException(String message) {
    super(message);
  }
}
