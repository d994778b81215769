package io.sluice.model.chat;

/** A conversation that a template does not take; the message reads on after its place. */
public final class BadConversation extends Exception {
  private static final long serialVersionUID = 1;

  BadConversation(String message, Throwable cause) {
    super(message, cause);
  }
}
