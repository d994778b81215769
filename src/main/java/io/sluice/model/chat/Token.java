package io.sluice.model.chat;

/**
 * A part of an expression or statement.
 *
 * @param kind what it is
 * @param text its text; of a string, its value
 */
record Token(Kind kind, String text) {
  /** What a token is. */
  enum Kind {
    NAME,
    STRING,
    INTEGER,
    OPERATOR,
    END
  }

  /** Whether it is an operator or a word. */
  boolean is(String word) {
    return text.equals(word) && (kind == Kind.OPERATOR || kind == Kind.NAME);
  }
}
