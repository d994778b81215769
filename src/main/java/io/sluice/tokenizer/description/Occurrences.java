package io.sluice.tokenizer.description;

import java.util.function.IntPredicate;

/** Where in a text a pattern occurs, from left to right, without overlaps. */
public interface Occurrences {
  /** Takes one occurrence, which may be empty. */
  interface Sink {
    void at(int start, int end) throws TokenizerException;
  }

  /**
   * Finds all of them.
   *
   * @throws TokenizerException if the search would take too long, or the sink throws it
   */
  void find(String text, Sink sink) throws TokenizerException;

  /** A text as it is, not empty. */
  static Occurrences of(String literal) {
    return (text, sink) -> {
      for (int at = text.indexOf(literal);
          at >= 0;
          at = text.indexOf(literal, at + literal.length())) {
        sink.at(at, at + literal.length());
      }
    };
  }

  /** Every character of a kind, each on its own. */
  static Occurrences of(IntPredicate kind) {
    return (text, sink) -> {
      int end;
      for (int at = 0; at < text.length(); at = end) {
        int c = text.codePointAt(at);
        end = at + Character.charCount(c);
        if (kind.test(c)) {
          sink.at(at, end);
        }
      }
    };
  }
}
