package io.sluice.model.chat;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Names and their values; what a loop or macro sets is not seen outside of it. */
final class Scope {
  /** The most steps of a rendering, far above those of a long conversation. */
  private static final long MOST_STEPS = 50_000_000;

  private static final int MOST_DEPTH = 100;
  private static final int MOST_CALLS = 30;
  private static final int LONGEST = 1 << 28;

  private final Scope outer;
  private final Map<String, Object> values = new HashMap<>();
  private final Set<String> unknown;
  private final long[] steps; // Steps, and calls of macros within each other.
  private final int depth;

  /**
   * The outermost one.
   *
   * @param unknown names of special tokens of which it is not known whether there are any
   */
  Scope(Map<String, Object> values, Set<String> unknown) {
    this.outer = null;
    this.unknown = unknown;
    this.values.putAll(values);
    this.steps = new long[2];
    this.depth = 0;
  }

  private Scope(Scope outer) {
    this.outer = outer;
    this.unknown = outer.unknown;
    this.steps = outer.steps;
    this.depth = outer.depth + 1;
  }

  /** One within this. */
  Scope inner() throws TemplateException {
    if (depth == MOST_DEPTH) {
      throw TemplateException.unsupported("loops " + MOST_DEPTH + " deep");
    }
    return new Scope(this);
  }

  /** Counts a call of a macro, which {@link #leave} ends. */
  void enter() throws TemplateException {
    if (++steps[1] > MOST_CALLS) {
      throw TemplateException.unsupported("macros " + MOST_CALLS + " deep");
    }
  }

  /** Ends a call of a macro. */
  void leave() {
    steps[1]--;
  }

  /** The value of a name. */
  Object get(String name) throws TemplateException {
    for (Scope scope = this; scope != null; scope = scope.outer) {
      Object value = scope.values.get(name);
      if (value != null) {
        return value;
      }
    }
    if (unknown.contains(name)) {
      throw TemplateException.unsupported("the token " + name + ", of which the files say nothing");
    }
    return new Python.Undefined(name);
  }

  /** Sets a name here. */
  void set(String name, Object value) {
    values.put(name, value);
  }

  /** Counts a step, so that a template has an end. */
  void step() throws TemplateException {
    steps(1);
  }

  /** Counts a value that was made, by its size, so that memory has a limit, too. */
  Object made(Object value) throws TemplateException {
    steps(
        switch (value) {
          case String text -> text.length() / 4;
          case List<?> list -> list.size();
          case null, default -> 1;
        });
    return value;
  }

  private void steps(long more) throws TemplateException {
    steps[0] += more;
    if (steps[0] > MOST_STEPS) {
      throw TemplateException.unsupported("more than " + MOST_STEPS + " steps");
    }
  }

  /** Puts text out, of which there is a limit. */
  void put(String text, StringBuilder out) throws TemplateException {
    made(text);
    if (out.length() + (long) text.length() > LONGEST) {
      throw TemplateException.unsupported("more than " + LONGEST + " characters");
    }
    out.append(text);
  }
}
