package io.sluice.tokenizer.description;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A regular expression of a tokenizer, found by {@code java.util.regex} with the meaning that it
 * has in Oniguruma ({@link RegexSyntax}). What a search may cost is bounded by the text's length,
 * so that an expression that backtracks without end is an error instead.
 */
public final class Regex implements Occurrences {
  /** Characters that may be looked at for each one of the text; those of real models need 20. */
  private static final long STEPS_PER_CHARACTER = 300;

  private static final long STEPS_FOR_ANY = 5_000;

  private final String path;
  private final Pattern pattern;

  /**
   * @param path where it stands, for messages
   * @throws TokenizerException if it is not a regular expression, or holds what has no known equal
   */
  public Regex(String path, String expression) throws TokenizerException {
    this.path = path;
    this.pattern = RegexSyntax.compile(path, expression);
  }

  @Override
  public void find(String text, Sink sink) throws TokenizerException {
    Matcher matcher = pattern.matcher(new Counted(text));
    int last = -1;
    while (next(matcher)) {
      // An empty occurrence right after another is none to Oniguruma.
      if (matcher.start() == matcher.end() && matcher.start() == last) {
        continue;
      }
      last = matcher.end();
      sink.at(matcher.start(), last);
    }
  }

  private boolean next(Matcher matcher) throws TokenizerException {
    try {
      return matcher.find();
    } catch (TooManySteps | StackOverflowError e) {
      throw new TokenizerException(
          "its " + path + " takes too long on a text: it backtracks without end");
    }
  }

  /** Thrown through the library's matcher, which has no other way to stop. */
  private static final class TooManySteps extends RuntimeException {
    private static final long serialVersionUID = 1;

    TooManySteps() {
      super(null, null, false, false);
    }
  }

  /** A text that counts how often it is looked at. */
  private static final class Counted implements CharSequence {
    private final String text;
    private long left;

    Counted(String text) {
      this.text = text;
      this.left = STEPS_FOR_ANY + text.length() * STEPS_PER_CHARACTER;
    }

    @Override
    public char charAt(int index) {
      if (--left < 0) {
        throw new TooManySteps();
      }
      return text.charAt(index);
    }

    @Override
    public int length() {
      return text.length();
    }

    @Override
    public CharSequence subSequence(int start, int end) {
      return text.subSequence(start, end);
    }

    @Override
    public String toString() {
      return text;
    }
  }
}
