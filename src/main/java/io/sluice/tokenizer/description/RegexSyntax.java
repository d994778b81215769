package io.sluice.tokenizer.description;

import io.sluice.files.Quoted;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Translates Oniguruma's regular expressions, which tokenizers are written in, to Java's. Syntax
 * with the same meaning in both is kept, syntax that is written differently is rewritten, and
 * syntax that has another meaning or is unknown is refused.
 */
final class RegexSyntax {
  /** What Java takes for word characters and Oniguruma does not. */
  private static final String JOINERS = "\\u200c\\u200d";

  /** Word characters to Oniguruma as long as they are not in a class. */
  private static final String FRACTIONS = "\\u00b2\\u00b3\\u00b9\\u00bc-\\u00be";

  private static final int LONGEST = 4096;
  private static final int DEEPEST = 50;

  /**
   * Ways through an expression that take no character: alternatives of its groups and numbers in
   * its braces, multiplied. A search counts the characters that it looks at, and these look at
   * none. GPT-4o's expression has 243.
   */
  private static final int MOST_WAYS = 5_000;

  private final String path;
  private final String from;
  private final StringBuilder to = new StringBuilder();
  private final Deque<Integer> alternatives = new ArrayDeque<>();
  private long ways = 1;
  private int at;

  private RegexSyntax(String path, String expression) {
    this.path = path;
    this.from = expression;
  }

  static Pattern compile(String path, String expression) throws TokenizerException {
    RegexSyntax reading = new RegexSyntax(path, expression);
    if (expression.isEmpty() || expression.length() > LONGEST) {
      throw reading.refused(expression.isEmpty() ? "it is empty" : "it is longer than " + LONGEST);
    }
    reading.translate();
    try {
      // Only \n ends a line, and ^ and $ match at lines.
      return Pattern.compile(
          reading.to.toString(),
          Pattern.UNICODE_CHARACTER_CLASS
              | Pattern.UNICODE_CASE
              | Pattern.UNIX_LINES
              | Pattern.MULTILINE);
    } catch (PatternSyntaxException e) {
      throw reading.refused("it is not a regular expression: " + e.getDescription());
    } catch (StackOverflowError e) {
      throw reading.refused("it is nested too deep");
    }
  }

  private void translate() throws TokenizerException {
    while (at < from.length()) {
      char c = from.charAt(at);
      switch (c) {
        case '\\' -> escape(false);
        case '[' -> characterClass(1);
        case '(' -> group();
        case ')' -> endGroup();
        case '|' -> {
          if (!alternatives.isEmpty()) {
            alternatives.push(alternatives.pop() + 1);
          }
          copy(1);
        }
        case '*', '+', '?' -> {
          copy(1);
          if (at < from.length() && (from.charAt(at) == '?' || from.charAt(at) == '+')) {
            copy(1);
          }
        }
        case '{' -> interval();
        default -> copy(1);
      }
    }
  }

  private void endGroup() throws TokenizerException {
    if (alternatives.isEmpty()) {
      throw refused("a ) has no (");
    }
    copy(1);
    boolean repeats = at < from.length() && "*+?{".indexOf(from.charAt(at)) >= 0;
    multiplyWays(alternatives.pop() + (repeats ? 1 : 0));
  }

  private void multiplyWays(int by) throws TokenizerException {
    ways *= Math.max(1, by);
    if (ways > MOST_WAYS) {
      throw refused("its groups and repeats may be combined in more than " + MOST_WAYS + " ways");
    }
  }

  private void group() throws TokenizerException {
    if (alternatives.size() == DEEPEST) {
      throw refused("it is nested too deep");
    }
    alternatives.push(1);
    if (!from.startsWith("(?", at)) {
      copy(1);
      return;
    }
    for (String known : new String[] {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:"}) {
      if (from.startsWith(known, at)) {
        copy(known.length());
        return;
      }
    }
    if (at == 0 && from.startsWith("(?i)")) {
      // For the whole expression, alternatives included, as in Java.
      alternatives.pop();
      copy(4);
      return;
    }
    throw refused("of the groups it may have (?:, (?=, (?!, (?<=, (?<!, (?> and (?i:");
  }

  /** {@code {n}}, {@code {n,}} and {@code {n,m}}, greedy or lazy; other braces are themselves. */
  private void interval() throws TokenizerException {
    int end = from.indexOf('}', at);
    String inside = end < 0 ? "" : from.substring(at + 1, end);
    if (!inside.matches("[0-9]{1,5}(,([0-9]{1,5})?)?")) {
      throw refused("a brace that is not {n}, {n,} or {n,m} must be written \\{");
    }
    for (String bound : inside.split(",")) {
      multiplyWays(Integer.parseInt(bound));
    }
    copy(end + 1 - at);
    if (at < from.length() && (from.charAt(at) == '+' || from.charAt(at) == '?')) {
      if (from.charAt(at) == '+' || !inside.contains(",")) {
        throw refused("what follows a repeat in braces means other things elsewhere");
      }
      copy(1);
    }
  }

  private void characterClass(int depth) throws TokenizerException {
    if (depth > 8) {
      throw refused("its character classes are nested too deep");
    }
    copy(1);
    if (at < from.length() && from.charAt(at) == '^') {
      copy(1);
    }
    if (at < from.length() && from.charAt(at) == ']') {
      throw refused("a ] at the start of a class must be written \\]");
    }
    while (at < from.length()) {
      char c = from.charAt(at);
      if (c == ']') {
        copy(1);
        return;
      } else if (from.startsWith("[:", at)) {
        throw refused("classes like [:alpha:] are not supported");
      } else if (from.startsWith("&&", at)) {
        throw refused("intersections of classes are not supported");
      } else if (c == '[') {
        characterClass(depth + 1);
      } else if (c == '\\') {
        escape(true);
      } else {
        copy(1);
      }
    }
    throw refused("a character class has no end");
  }

  private void escape(boolean inClass) throws TokenizerException {
    if (at + 1 >= from.length()) {
      throw refused("it ends with a backslash");
    }
    char c = from.charAt(at + 1);
    switch (c) {
      case 's', 'S', 'd', 'D', 'n', 'r', 't', 'f' -> copy(2);
      case 'w' -> {
        to.append("[\\w").append(inClass ? "" : FRACTIONS).append("&&[^" + JOINERS + "]]");
        at += 2;
      }
      case 'W' -> {
        to.append("[\\W" + JOINERS).append(inClass ? "]" : "&&[^" + FRACTIONS + "]]");
        at += 2;
      }
      case 'b', 'B', 'A', 'z', 'Z' -> {
        if (inClass) {
          throw refused("\\" + c + " in a class is not supported");
        }
        copy(2);
      }
      case 'p', 'P' -> property();
      case 'u' -> {
        if (!from.substring(at).matches("(?s)\\\\u[0-9A-Fa-f]{4}.*")) {
          throw refused("a \\u needs four digits");
        }
        copy(6);
      }
      case 'x' -> {
        if (!from.substring(at).matches("(?s)\\\\x(\\{[0-9A-Fa-f]{1,6}\\}|[0-7][0-9A-Fa-f]).*")) {
          throw refused("a \\x needs two digits below 80, or digits in braces");
        }
        copy(from.charAt(at + 2) == '{' ? from.indexOf('}', at) + 1 - at : 4);
      }
      default -> {
        if (c >= 0x80 || Character.isLetterOrDigit(c)) {
          throw refused("\\" + c + " is not supported");
        }
        copy(2);
      }
    }
  }

  /** {@code \p{L}}, {@code \p{^Lu}}, {@code \P{Han}}: categories and scripts. */
  private void property() throws TokenizerException {
    int end = from.indexOf('}', at);
    if (end < 0 || from.charAt(at + 2) != '{') {
      throw refused("a \\p needs a name in braces");
    }
    String name = from.substring(at + 3, end);
    boolean not = from.charAt(at + 1) == 'P';
    if (name.startsWith("^")) {
      name = name.substring(1);
      not = !not;
    }
    String known = name;
    if (!name.matches("[CLMNPSZ]|C[cfnos]|L[lmotu]|M[cen]|N[dlo]|P[cdefios]|S[ckmo]|Z[lps]")) {
      try {
        known = "Is" + Character.UnicodeScript.forName(name).name();
      } catch (IllegalArgumentException e) {
        throw refused("\\p{" + name + "} is neither a category nor a script");
      }
    }
    to.append(not ? "\\P{" : "\\p{").append(known).append('}');
    at = end + 1;
  }

  private void copy(int length) {
    to.append(from, at, at + length);
    at += length;
  }

  private TokenizerException refused(String why) {
    return new TokenizerException(
        "its " + path + " " + Quoted.of(from) + " cannot be used: " + why);
  }
}
