package io.sluice.model.chat;

/** Why a template cannot be read or rendered; the message does not name its file. */
final class TemplateException extends Exception {
  private static final long serialVersionUID = 1;

  private enum Cause {
    ERROR,
    RAISED,
    UNSUPPORTED
  }

  private final Cause why;

  private TemplateException(String message, Cause why) {
    super(message);
    this.why = why;
  }

  /** What is an error in Jinja, too. */
  TemplateException(String message) {
    this(message, Cause.ERROR);
  }

  /** What the template itself says against a conversation, by {@code raise_exception}. */
  static TemplateException raised(String message) {
    return new TemplateException(message, Cause.RAISED);
  }

  /** Whether the template itself refuses the conversation. */
  boolean isRaised() {
    return why == Cause.RAISED;
  }

  /** A construct of Jinja that is not supported. */
  static TemplateException unsupported(String construct) {
    return new TemplateException(
        "uses " + construct + ", which is not supported", Cause.UNSUPPORTED);
  }

  /** Whether Jinja would go on. */
  boolean isUnsupported() {
    return why == Cause.UNSUPPORTED;
  }
}
