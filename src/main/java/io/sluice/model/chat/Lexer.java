package io.sluice.model.chat;

import java.util.ArrayList;
import java.util.List;

/**
 * Splits a template into text, outputs and statements, as Jinja does with {@code trim_blocks} and
 * {@code lstrip_blocks}: a newline after a statement belongs to it, and so does the space before it
 * if nothing else is before it on its line.
 */
final class Lexer {
  private static final List<String> OPERATORS =
      List.of(
          "**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">", "=", "(", ")",
          "[", "]", "{", "}", ".", ",", ":", "|", ";");

  private final String source;
  private final List<Piece> pieces = new ArrayList<>();
  private int at;
  private boolean lineStarts = true;

  /**
   * A part of a template.
   *
   * @param text text that stands for itself; null if this is not text
   * @param isOutput whether the tokens are an expression whose value is put out
   * @param tokens the tokens of an expression or statement, with an end; null if this is text
   */
  record Piece(String text, boolean isOutput, List<Token> tokens) {}

  private Lexer(String source) {
    this.source = source;
  }

  /** Splits a template. */
  static List<Piece> split(String template) throws TemplateException {
    String source = template.replace("\r\n", "\n").replace('\r', '\n');
    if (source.endsWith("\n")) {
      source = source.substring(0, source.length() - 1);
    }
    Lexer lexer = new Lexer(source);
    while (lexer.at < source.length()) {
      lexer.next();
    }
    return lexer.pieces;
  }

  private void next() throws TemplateException {
    int start = at;
    while (start < source.length() && !isOpening(start)) {
      start++;
    }
    String text = source.substring(at, start);
    if (start == source.length()) {
      add(text);
      at = start;
      return;
    }
    char kind = source.charAt(start + 1);
    char mark = start + 2 < source.length() ? source.charAt(start + 2) : ' ';
    boolean isMarked = mark == '-' || mark == '+';
    if (mark == '-') {
      text = text.substring(0, text.length() - trailing(text));
    } else if (mark != '+' && kind != '{') {
      int line = text.lastIndexOf('\n') + 1;
      if ((line > 0 || lineStarts) && trailing(text) >= text.length() - line) {
        text = text.substring(0, line);
      }
    }
    add(text);
    at = start + (isMarked ? 3 : 2);
    if (kind == '#') {
      comment();
    } else {
      tokens(kind == '{');
    }
    lineStarts = source.charAt(at - 1) == '\n';
  }

  private boolean isOpening(int place) {
    return source.charAt(place) == '{'
        && place + 1 < source.length()
        && "{%#".indexOf(source.charAt(place + 1)) >= 0;
  }

  private void add(String text) {
    if (!text.isEmpty()) {
      pieces.add(new Piece(text, false, null));
    }
  }

  private void comment() throws TemplateException {
    int end = source.indexOf("#}", at);
    if (end < 0) {
      throw new TemplateException("has a comment without an end");
    }
    char mark = end > at ? source.charAt(end - 1) : ' ';
    at = end + 2;
    pass(mark, true);
  }

  /** Passes over what belongs to a closing mark. */
  private void pass(char mark, boolean isBlock) {
    if (mark == '-') {
      while (at < source.length() && PythonStrings.isSpace(source.charAt(at))) {
        at++;
      }
    } else if (mark != '+' && isBlock && at < source.length() && source.charAt(at) == '\n') {
      at++;
    }
  }

  private void tokens(boolean isOutput) throws TemplateException {
    String close = isOutput ? "}}" : "%}";
    List<Token> tokens = new ArrayList<>();
    int depth = 0;
    while (true) {
      while (at < source.length() && PythonStrings.isSpace(source.charAt(at))) {
        at++;
      }
      if (at >= source.length()) {
        throw new TemplateException("has a tag without an end");
      }
      char c = source.charAt(at);
      boolean isMarked =
          (c == '-' || c == '+' && !isOutput) && source.startsWith(close, at + 1) && depth == 0;
      if (isMarked || depth == 0 && source.startsWith(close, at)) {
        at += isMarked ? 3 : 2;
        pass(isMarked ? c : ' ', !isOutput);
        tokens.add(new Token(Token.Kind.END, "the end of a tag"));
        pieces.add(new Piece(null, isOutput, tokens));
        return;
      }
      Token token = token(c);
      depth += "([{".contains(token.text()) && token.kind() == Token.Kind.OPERATOR ? 1 : 0;
      depth -= ")]}".contains(token.text()) && token.kind() == Token.Kind.OPERATOR ? 1 : 0;
      tokens.add(token);
    }
  }

  private Token token(char c) throws TemplateException {
    int start = at;
    if (Character.isJavaIdentifierStart(c) && c != '$') {
      while (at < source.length()
          && Character.isJavaIdentifierPart(source.charAt(at))
          && source.charAt(at) != '$') {
        at++;
      }
      return new Token(Token.Kind.NAME, source.substring(start, at));
    }
    if (c >= '0' && c <= '9') {
      while (at < source.length() && source.charAt(at) >= '0' && source.charAt(at) <= '9') {
        at++;
      }
      char after = at < source.length() ? source.charAt(at) : ' ';
      boolean isFraction =
          after == '.' && at + 1 < source.length() && Character.isDigit(source.charAt(at + 1));
      if (isFraction || after == '_' || Character.isLetter(after) || at - start > 18) {
        throw TemplateException.unsupported("the number " + source.substring(start, at) + after);
      }
      return new Token(Token.Kind.INTEGER, source.substring(start, at));
    }
    if (c == '\'' || c == '"') {
      return string(c);
    }
    for (String operator : OPERATORS) {
      if (source.startsWith(operator, at)) {
        at += operator.length();
        return new Token(Token.Kind.OPERATOR, operator);
      }
    }
    throw new TemplateException("has the character '" + c + "' in a tag");
  }

  /** A string with the escapes of Python. */
  private Token string(char quote) throws TemplateException {
    StringBuilder value = new StringBuilder();
    for (at++; at < source.length() && source.charAt(at) != quote; at++) {
      char c = source.charAt(at);
      if (c != '\\') {
        value.append(c);
        continue;
      }
      at++;
      char escaped = at < source.length() ? source.charAt(at) : ' ';
      int known = "nrt\\'\"\n".indexOf(escaped);
      if (escaped == 'u' && at + 4 < source.length()) {
        String digits = source.substring(at + 1, at + 5);
        if (!digits.matches("[0-9a-fA-F]{4}")) {
          throw TemplateException.unsupported("the escape \\u" + digits);
        }
        value.append((char) Integer.parseInt(digits, 16));
        at += 4;
      } else if (known < 0) {
        throw TemplateException.unsupported("the escape \\" + escaped);
      } else if (escaped != '\n') {
        value.append("\n\r\t\\'\"".charAt(known));
      }
    }
    if (at >= source.length()) {
      throw new TemplateException("has a string without an end");
    }
    at++;
    return new Token(Token.Kind.STRING, value.toString());
  }

  /** How many characters of space a text ends with. */
  private static int trailing(String text) {
    int end = text.length();
    while (end > 0 && PythonStrings.isSpace(text.charAt(end - 1))) {
      end--;
    }
    return text.length() - end;
  }
}
