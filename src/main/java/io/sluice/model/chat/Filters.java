package io.sluice.model.chat;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Jinja's filters and tests. */
final class Filters {
  private Filters() {}

  /**
   * A value through a filter.
   *
   * @throws TemplateException if it is not supported with this value or these arguments
   */
  static Object apply(String filter, Object value, Arguments arguments) throws TemplateException {
    String name = "the filter " + filter;
    return switch (filter) {
      case "trim" ->
          PythonStrings.strip(Python.text(value), arguments.optionalText(name), true, true);
      case "length", "count" -> {
        arguments.require(name, 0, 0);
        yield Python.length(value);
      }
      case "upper", "lower" -> {
        arguments.require(name, 0, 0);
        String text = Python.text(value);
        yield filter.equals("upper")
            ? text.toUpperCase(Locale.ROOT)
            : text.toLowerCase(Locale.ROOT);
      }
      case "string" -> {
        arguments.require(name, 0, 0);
        yield Python.text(value);
      }
      case "first", "last" -> {
        arguments.require(name, 0, 0);
        List<Object> items = Python.items(value);
        yield items.isEmpty()
            ? new Python.Undefined(filter)
            : filter.equals("first") ? items.getFirst() : items.getLast();
      }
      case "list" -> {
        arguments.require(name, 0, 0);
        yield Python.items(value);
      }
      case "join" -> {
        arguments.require(name, 0, 1);
        yield PythonStrings.join(
            Python.items(value), arguments.size() == 0 ? "" : arguments.text(name, 0));
      }
      case "replace" -> {
        arguments.require(name, 2, 2);
        yield PythonStrings.replace(
            Python.text(value), arguments.text(name, 0), arguments.text(name, 1));
      }
      case "default", "d" -> {
        arguments.require(name, 1, 2);
        boolean alsoFalse = arguments.size() == 2 && Python.isTrue(arguments.get(1));
        boolean isMissing = value instanceof Python.Undefined || alsoFalse && !Python.isTrue(value);
        yield isMissing ? arguments.get(0) : value;
      }
      case "tojson" -> {
        arguments.require(name, 0, 0);
        StringBuilder json = new StringBuilder();
        writeJson(value, json);
        yield json.toString();
      }
      case "selectattr", "rejectattr" -> select(name, filter, value, arguments);
      case "map" -> {
        Object attribute = arguments.named().get("attribute");
        if (arguments.size() != 0
            || arguments.named().size() != 1
            || !(attribute instanceof String field)
            || field.contains(".")) {
          throw TemplateException.unsupported(name + " without an attribute alone");
        }
        List<Object> all = new ArrayList<>();
        for (Object item : Python.items(value)) {
          all.add(Python.item(item, field));
        }
        yield all;
      }
      default -> throw TemplateException.unsupported(name);
    };
  }

  private static Object select(String name, String filter, Object value, Arguments arguments)
      throws TemplateException {
    arguments.require(name, 1, 3);
    String field = arguments.text(name, 0);
    if (field.contains(".")) {
      throw TemplateException.unsupported(name + " with a field of a field");
    }
    List<Object> chosen = new ArrayList<>();
    for (Object item : Python.items(value)) {
      Object of = Python.item(item, field);
      boolean holds =
          arguments.size() == 1
              ? Python.isTrue(of)
              : test(
                  arguments.text(name, 1),
                  of,
                  new Arguments(arguments.places().subList(2, arguments.size()), Map.of()));
      if (holds == filter.equals("selectattr")) {
        chosen.add(item);
      }
    }
    return chosen;
  }

  /**
   * Whether a value is what a test asks for.
   *
   * @throws TemplateException if the test is not supported
   */
  static boolean test(String test, Object value, Arguments arguments) throws TemplateException {
    String name = "the test " + test;
    boolean hasOther =
        switch (test) {
          case "equalto", "eq", "==", "ne", "!=", "in" -> true;
          default -> false;
        };
    arguments.require(name, hasOther ? 1 : 0, hasOther ? 1 : 0);
    return switch (test) {
      case "defined" -> !(value instanceof Python.Undefined);
      case "undefined" -> value instanceof Python.Undefined;
      case "none" -> value == Python.NONE;
      case "string" -> value instanceof String;
      case "mapping" -> value instanceof Map;
      case "sequence", "iterable" ->
          value instanceof String
              || value instanceof List
              || value instanceof Map
              || value instanceof Python.Undefined;
      case "number" -> value instanceof Long || value instanceof Boolean;
      case "integer" -> value instanceof Long;
      case "boolean" -> value instanceof Boolean;
      case "true" -> Boolean.TRUE.equals(value);
      case "false" -> Boolean.FALSE.equals(value);
      case "equalto", "eq", "==" -> Python.areEqual(value, arguments.get(0));
      case "ne", "!=" -> !Python.areEqual(value, arguments.get(0));
      case "in" -> Python.isIn(value, arguments.get(0));
      default -> throw TemplateException.unsupported(name);
    };
  }

  /** As Python's {@code json.dumps} with {@code ensure_ascii=False}. */
  private static void writeJson(Object value, StringBuilder json) throws TemplateException {
    switch (value) {
      case String text -> writeText(text, json);
      case Long number -> json.append(number);
      case Boolean truth -> json.append(truth);
      case List<?> list -> {
        String before = "[";
        for (Object item : list) {
          json.append(before);
          writeJson(item, json);
          before = ", ";
        }
        json.append(list.isEmpty() ? "[]" : "]");
      }
      case Map<?, ?> map -> {
        String before = "{";
        for (Map.Entry<?, ?> entry : map.entrySet()) {
          json.append(before);
          writeText(entry.getKey().toString(), json);
          json.append(": ");
          writeJson(entry.getValue(), json);
          before = ", ";
        }
        json.append(map.isEmpty() ? "{}" : "}");
      }
      default -> {
        if (value != Python.NONE) {
          throw TemplateException.unsupported(Python.kind(value) + " as JSON");
        }
        json.append("null");
      }
    }
  }

  private static void writeText(String text, StringBuilder json) {
    json.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      int escaped = "\"\\\n\r\t\b\f".indexOf(c);
      if (escaped >= 0) {
        json.append('\\').append("\"\\nrtbf".charAt(escaped));
      } else if (c < ' ') {
        json.append("\\u00").append(c < 16 ? "0" : "").append(Integer.toHexString(c));
      } else {
        json.append(c);
      }
    }
    json.append('"');
  }
}
