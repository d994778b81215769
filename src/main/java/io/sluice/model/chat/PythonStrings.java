package io.sluice.model.chat;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Methods of Python's texts, whose positions count characters and whose spaces are Unicode's. */
final class PythonStrings {
  private PythonStrings() {}

  /** Whether Python's {@code isspace} says so of a character. */
  static boolean isSpace(char c) {
    return c == ' '
        || c >= '\t' && c <= '\r'
        || c >= 0x1c && c <= 0x1f
        || c == 0x85
        || c == 0xa0
        || c == 0x1680
        || c >= 0x2000 && c <= 0x200a
        || c == 0x2028
        || c == 0x2029
        || c == 0x202f
        || c == 0x205f
        || c == 0x3000;
  }

  /** The text without the characters at its ends; without space if {@code characters} is null. */
  static String strip(String text, String characters, boolean left, boolean right) {
    int[] points = text.codePoints().toArray();
    int from = 0;
    int to = points.length;
    while (left && from < to && strips(points[from], characters)) {
      from++;
    }
    while (right && to > from && strips(points[to - 1], characters)) {
      to--;
    }
    return new String(points, from, to - from);
  }

  private static boolean strips(int point, String characters) {
    return characters == null
        ? point < 0x10000 && isSpace((char) point)
        : characters.indexOf(point) >= 0;
  }

  /** The parts of a text between separators; between runs of space if there is none. */
  static List<Object> split(String text, String separator, long most) throws TemplateException {
    List<Object> parts = new ArrayList<>();
    if (separator == null) {
      if (most >= 0) {
        throw TemplateException.unsupported("split with a limit and no separator");
      }
      int from = -1;
      for (int i = 0; i <= text.length(); i++) {
        boolean isSpace = i == text.length() || isSpace(text.charAt(i));
        if (isSpace && from >= 0) {
          parts.add(text.substring(from, i));
          from = -1;
        } else if (!isSpace && from < 0) {
          from = i;
        }
      }
      return parts;
    }
    if (separator.isEmpty()) {
      throw new TemplateException("splits a text at an empty separator");
    }
    int from = 0;
    for (int at = text.indexOf(separator);
        at >= 0 && (most < 0 || parts.size() < most);
        at = text.indexOf(separator, from)) {
      parts.add(text.substring(from, at));
      from = at + separator.length();
    }
    parts.add(text.substring(from));
    return parts;
  }

  /**
   * Calls a method.
   *
   * @throws TemplateException if it is not supported with these arguments
   */
  static Object call(String text, String method, Arguments arguments) throws TemplateException {
    String name = "the method " + method + " of texts";
    return switch (method) {
      case "strip" -> strip(text, arguments.optionalText(name), true, true);
      case "lstrip" -> strip(text, arguments.optionalText(name), true, false);
      case "rstrip" -> strip(text, arguments.optionalText(name), false, true);
      case "upper" -> {
        arguments.require(name, 0, 0);
        yield text.toUpperCase(Locale.ROOT);
      }
      case "lower" -> {
        arguments.require(name, 0, 0);
        yield text.toLowerCase(Locale.ROOT);
      }
      case "startswith" -> {
        arguments.require(name, 1, 1);
        yield text.startsWith(arguments.text(name, 0));
      }
      case "endswith" -> {
        arguments.require(name, 1, 1);
        yield text.endsWith(arguments.text(name, 0));
      }
      case "removeprefix" -> {
        arguments.require(name, 1, 1);
        String prefix = arguments.text(name, 0);
        yield text.startsWith(prefix) ? text.substring(prefix.length()) : text;
      }
      case "removesuffix" -> {
        arguments.require(name, 1, 1);
        String suffix = arguments.text(name, 0);
        yield text.endsWith(suffix) ? text.substring(0, text.length() - suffix.length()) : text;
      }
      case "replace" -> {
        arguments.require(name, 2, 2);
        yield replace(text, arguments.text(name, 0), arguments.text(name, 1));
      }
      case "split" -> {
        arguments.require(name, 0, 2);
        String separator = arguments.size() == 0 ? null : arguments.text(name, 0);
        yield split(text, separator, arguments.size() < 2 ? -1 : arguments.integer(name, 1));
      }
      case "join" -> {
        arguments.require(name, 1, 1);
        yield join(Python.items(arguments.get(0)), text);
      }
      default -> throw TemplateException.unsupported(name);
    };
  }

  /** The text with every occurrence replaced. */
  static String replace(String text, String from, String to) throws TemplateException {
    if (from.isEmpty()) {
      throw TemplateException.unsupported("replacing an empty text");
    }
    return text.replace(from, to);
  }

  /** Texts with another between them. */
  static String join(List<Object> items, String between) throws TemplateException {
    List<String> texts = new ArrayList<>();
    for (Object item : items) {
      if (!(item instanceof String text)) {
        throw TemplateException.unsupported("joining something else than texts");
      }
      texts.add(text);
    }
    return String.join(between, texts);
  }
}
