package io.sluice.model.chat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Python's values and what Jinja does with them. Texts are {@link String}, integers {@link Long},
 * lists and tuples {@link List}, dictionaries {@link Map}; what has no value is {@link Undefined}.
 * Where Python raises an error, a {@link TemplateException} is thrown.
 */
final class Python {
  /** Python's {@code None}. */
  static final Object NONE =
      new Object() {
        @Override
        public String toString() {
          return "None";
        }
      };

  private Python() {}

  /**
   * A name or field without a value.
   *
   * @param name what it was asked for as
   */
  record Undefined(String name) {}

  /** What can be called. */
  @FunctionalInterface
  interface Function {
    Object call(Arguments arguments) throws TemplateException;
  }

  /** Fields that statements set. */
  record Namespace(Map<String, Object> fields) {
    Namespace() {
      this(new LinkedHashMap<>());
    }
  }

  /** What a value is, for messages. */
  static String kind(Object value) {
    return switch (value) {
      case String text -> "a text";
      case Long number -> "an integer";
      case Boolean truth -> "true or false";
      case List<?> list -> "a list";
      case Map<?, ?> map -> "a dictionary";
      case Undefined undefined -> "the undefined '" + undefined.name + "'";
      default -> value == NONE ? "none" : "a function or namespace";
    };
  }

  /** Whether a condition holds. */
  static boolean isTrue(Object value) {
    return switch (value) {
      case String text -> !text.isEmpty();
      case Long number -> number != 0;
      case Boolean truth -> truth;
      case List<?> list -> !list.isEmpty();
      case Map<?, ?> map -> !map.isEmpty();
      case Undefined undefined -> false;
      default -> value != NONE;
    };
  }

  /** What is put out for a value. */
  static String text(Object value) throws TemplateException {
    return switch (value) {
      case String text -> text;
      case Long number -> number.toString();
      case Boolean truth -> truth ? "True" : "False";
      case Undefined undefined -> "";
      default -> {
        if (value == NONE) {
          yield "None";
        }
        throw TemplateException.unsupported(kind(value) + " as text");
      }
    };
  }

  /** Whether two values are equal. */
  static boolean areEqual(Object a, Object b) {
    if (a instanceof Undefined && b instanceof Undefined) {
      return true;
    }
    return number(a).equals(number(b));
  }

  private static Object number(Object value) {
    return value instanceof Boolean truth ? (Object) (truth ? 1L : 0L) : value;
  }

  /** Less than 0, 0 or more than 0 as the first is smaller than, equal to or larger. */
  static int compare(Object a, Object b) throws TemplateException {
    if (a instanceof Long one && b instanceof Long other) {
      return one.compareTo(other);
    }
    if (a instanceof String one && b instanceof String other) {
      int[] first = one.codePoints().toArray();
      int[] second = other.codePoints().toArray();
      return Arrays.compare(first, second);
    }
    throw new TemplateException("compares " + kind(a) + " with " + kind(b));
  }

  /** Whether a value is in another. */
  static boolean isIn(Object value, Object container) throws TemplateException {
    return switch (container) {
      case String text when value instanceof String part -> text.contains(part);
      case List<?> list -> {
        for (Object each : list) {
          if (areEqual(each, value)) {
            yield true;
          }
        }
        yield false;
      }
      case Map<?, ?> map when value instanceof String -> map.containsKey(value);
      case Undefined undefined -> false;
      default -> throw new TemplateException("looks for " + kind(value) + " in " + kind(container));
    };
  }

  /** Calculates with two values. */
  static Object operate(String operator, Object a, Object b) throws TemplateException {
    if (operator.equals("~")) {
      return text(a) + text(b);
    }
    if (a instanceof String one && b instanceof String other && operator.equals("+")) {
      return one + other;
    }
    if (a instanceof List<?> one && b instanceof List<?> other && operator.equals("+")) {
      List<Object> both = new ArrayList<>(one);
      both.addAll(other);
      return both;
    }
    if (a instanceof Long one && b instanceof Long other) {
      try {
        switch (operator) {
          case "+":
            return Math.addExact(one, other);
          case "-":
            return Math.subtractExact(one, other);
          case "*":
            return Math.multiplyExact(one, other);
          case "//":
            return Math.floorDiv(one, other);
          case "%":
            return Math.floorMod(one, other);
          default:
        }
      } catch (ArithmeticException e) {
        throw new TemplateException("calculates " + one + " " + operator + " " + other);
      }
    }
    boolean isPlain = "+-".contains(operator);
    String what = kind(a) + " " + operator + " " + kind(b);
    throw isPlain
        ? new TemplateException("calculates " + what)
        : TemplateException.unsupported(what);
  }

  /** The items that a loop goes over. */
  static List<Object> items(Object value) throws TemplateException {
    return switch (value) {
      case List<?> list -> new ArrayList<>(list);
      case Map<?, ?> map -> new ArrayList<>(map.keySet());
      case String text -> {
        List<Object> characters = new ArrayList<>();
        text.codePoints().forEach(point -> characters.add(Character.toString(point)));
        yield characters;
      }
      case Undefined undefined -> List.of();
      default -> throw new TemplateException("goes over " + kind(value));
    };
  }

  /** How many items or characters a value has. */
  static long length(Object value) throws TemplateException {
    return switch (value) {
      case String text -> text.codePointCount(0, text.length());
      case List<?> list -> list.size();
      case Map<?, ?> map -> map.size();
      case Undefined undefined -> 0;
      default -> throw new TemplateException("asks for the length of " + kind(value));
    };
  }

  /** The item in brackets. */
  static Object item(Object value, Object key) throws TemplateException {
    if (value instanceof Undefined undefined) {
      throw new TemplateException("asks the undefined '" + undefined.name + "' for an item");
    }
    if (key instanceof Long place && (value instanceof List || value instanceof String)) {
      List<Object> items = items(value);
      long index = place < 0 ? place + items.size() : place;
      return index < 0 || index >= items.size()
          ? new Undefined("item " + place)
          : items.get((int) index);
    }
    if (key instanceof String name) {
      return value instanceof Map<?, ?> map && map.containsKey(name)
          ? map.get(name)
          : field(value, name);
    }
    throw TemplateException.unsupported(kind(value) + " with " + kind(key) + " in brackets");
  }

  /** The field after a dot; methods come before the keys of a dictionary. */
  static Object field(Object value, String name) throws TemplateException {
    if (name.startsWith("_")) {
      throw TemplateException.unsupported("the field " + name);
    }
    return switch (value) {
      case Undefined undefined ->
          throw new TemplateException(
              "asks the undefined '" + undefined.name + "' for its field " + name);
      case Map<?, ?> map when Dictionaries.METHODS.contains(name) ->
          (Function) arguments -> Dictionaries.call(map, name, arguments);
      case Map<?, ?> map -> map.containsKey(name) ? map.get(name) : new Undefined(name);
      case Namespace space -> space.fields.getOrDefault(name, new Undefined(name));
      case String text -> (Function) arguments -> PythonStrings.call(text, name, arguments);
      default -> throw TemplateException.unsupported("the field " + name + " of " + kind(value));
    };
  }

  /** The part of a text or list from one place to another, as Python slices it. */
  static Object slice(Object value, Object from, Object to, Object step) throws TemplateException {
    long by = step == null || step == NONE ? 1 : whole(step);
    if (!(value instanceof List) && !(value instanceof String)) {
      throw new TemplateException("takes a part of " + kind(value));
    }
    if (by == 0) {
      throw new TemplateException("takes a part of a list in steps of 0");
    }
    List<Object> items = items(value);
    int size = items.size();
    long start = by > 0 ? 0 : size - 1;
    long end = by > 0 ? size : -1;
    start = from == null || from == NONE ? start : bounded(whole(from), size, by);
    end = to == null || to == NONE ? end : bounded(whole(to), size, by);
    List<Object> part = new ArrayList<>();
    for (long i = start; by > 0 ? i < end : i > end; i += by) {
      part.add(items.get((int) i));
    }
    return value instanceof String ? PythonStrings.join(part, "") : part;
  }

  private static long bounded(long place, int size, long by) {
    long index = place < 0 ? place + size : place;
    return by > 0 ? Math.max(0, Math.min(size, index)) : Math.max(-1, Math.min(size - 1, index));
  }

  private static long whole(Object value) throws TemplateException {
    if (value instanceof Long number) {
      return number;
    }
    throw new TemplateException("takes a part of a list with " + kind(value));
  }
}
