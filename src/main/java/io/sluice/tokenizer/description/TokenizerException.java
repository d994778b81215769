package io.sluice.tokenizer.description;

/**
 * What in a tokenizer's description cannot be computed, or what in a text it has no ids for. The
 * message is one line and does not name the file, which only the caller knows.
 */
public final class TokenizerException extends Exception {
  private static final long serialVersionUID = 1;

  public TokenizerException(String message) {
    super(message);
  }
}
