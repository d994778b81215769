package io.sluice.model.chat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A part of a template that puts something out or sets something. */
sealed interface Statement {
  /** What happens after a statement. */
  enum Next {
    GO_ON,
    CONTINUE,
    BREAK
  }

  /** Runs it. */
  Next run(Scope scope, StringBuilder out) throws TemplateException;

  /** Runs statements one after the other. */
  static Next all(List<Statement> statements, Scope scope, StringBuilder out)
      throws TemplateException {
    for (Statement statement : statements) {
      scope.step();
      Next next = statement.run(scope, out);
      if (next != Next.GO_ON) {
        return next;
      }
    }
    return Next.GO_ON;
  }

  /** Text that stands for itself. */
  record Text(String text) implements Statement {
    @Override
    public Next run(Scope scope, StringBuilder out) throws TemplateException {
      scope.put(text, out);
      return Next.GO_ON;
    }
  }

  /** The value of an expression. */
  record Output(Expression expression) implements Statement {
    @Override
    public Next run(Scope scope, StringBuilder out) throws TemplateException {
      scope.put(Python.text(expression.value(scope)), out);
      return Next.GO_ON;
    }
  }

  /**
   * Sets a name, or a field of a namespace.
   *
   * @param field null for the name itself
   */
  record Set(String name, String field, Expression value) implements Statement {
    @Override
    public Next run(Scope scope, StringBuilder out) throws TemplateException {
      set(scope, name, field, value.value(scope));
      return Next.GO_ON;
    }

    private static void set(Scope scope, String name, String field, Object value)
        throws TemplateException {
      if (field == null) {
        scope.set(name, value);
      } else if (scope.get(name) instanceof Python.Namespace space) {
        space.fields().put(field, value);
      } else {
        throw new TemplateException("sets a field of '" + name + "', which is no namespace");
      }
    }
  }

  /** Sets a name to what is put out. */
  record SetBlock(String name, List<Statement> body) implements Statement {
    @Override
    public Next run(Scope scope, StringBuilder out) throws TemplateException {
      StringBuilder text = new StringBuilder();
      all(body, scope.inner(), text);
      scope.set(name, text.toString());
      return Next.GO_ON;
    }
  }

  /** Runs the first statements whose condition holds; the last condition may be null. */
  record If(List<Expression> conditions, List<List<Statement>> bodies) implements Statement {
    @Override
    public Next run(Scope scope, StringBuilder out) throws TemplateException {
      for (int i = 0; i < bodies.size(); i++) {
        Expression condition = conditions.get(i);
        if (condition == null || Python.isTrue(condition.value(scope))) {
          return all(bodies.get(i), scope, out);
        }
      }
      return Next.GO_ON;
    }
  }

  /** Statements as they are, between tags that mark what an assistant says. */
  record Marked(List<Statement> body) implements Statement {
    @Override
    public Next run(Scope scope, StringBuilder out) throws TemplateException {
      return all(body, scope.inner(), out);
    }
  }

  /** Ends a round of a loop, or the loop. */
  record Jump(Next next) implements Statement {
    @Override
    public Next run(Scope scope, StringBuilder out) {
      return next;
    }
  }

  /**
   * A loop.
   *
   * @param targets the names of an item, or of its parts
   * @param condition which items are used; null for all
   * @param otherwise what runs if there are none
   */
  record For(
      List<String> targets,
      Expression items,
      Expression condition,
      List<Statement> body,
      List<Statement> otherwise)
      implements Statement {
    @Override
    public Next run(Scope scope, StringBuilder out) throws TemplateException {
      List<Object> used = new ArrayList<>();
      for (Object item : Python.items(scope.made(items.value(scope)))) {
        scope.step();
        Scope own = scope.inner();
        bind(own, item);
        if (condition == null || Python.isTrue(condition.value(own))) {
          used.add(item);
        }
      }
      for (int i = 0; i < used.size(); i++) {
        Scope own = scope.inner();
        own.set("loop", loop(used, i));
        bind(own, used.get(i));
        if (all(body, own, out) == Next.BREAK) {
          return Next.GO_ON;
        }
      }
      return used.isEmpty() ? all(otherwise, scope.inner(), out) : Next.GO_ON;
    }

    private void bind(Scope scope, Object item) throws TemplateException {
      if (targets.size() == 1) {
        scope.set(targets.getFirst(), item);
        return;
      }
      List<Object> parts = Python.items(item);
      if (parts.size() != targets.size()) {
        throw new TemplateException("goes over items of " + parts.size() + " parts");
      }
      for (int i = 0; i < parts.size(); i++) {
        scope.set(targets.get(i), parts.get(i));
      }
    }

    private static Python.Namespace loop(List<Object> items, int index) {
      Python.Namespace loop = new Python.Namespace();
      Map<String, Object> fields = loop.fields();
      long size = items.size();
      fields.put("index", index + 1L);
      fields.put("index0", (long) index);
      fields.put("revindex", size - index);
      fields.put("revindex0", size - index - 1);
      fields.put("first", index == 0);
      fields.put("last", index == size - 1);
      fields.put("length", size);
      if (index > 0) {
        fields.put("previtem", items.get(index - 1));
      }
      if (index < size - 1) {
        fields.put("nextitem", items.get(index + 1));
      }
      for (String other : new String[] {"cycle", "changed", "depth", "depth0"}) {
        fields.put(
            other,
            (Python.Function)
                arguments -> {
                  throw TemplateException.unsupported("loop." + other);
                });
      }
      return loop;
    }
  }

  /**
   * Names statements as a function.
   *
   * @param defaults by parameter; what has none is undefined if it is not given
   */
  record Macro(
      String name, List<String> parameters, Map<String, Expression> defaults, List<Statement> body)
      implements Statement {
    @Override
    public Next run(Scope scope, StringBuilder out) {
      scope.set(name, (Python.Function) arguments -> call(scope, arguments));
      return Next.GO_ON;
    }

    private Object call(Scope scope, Arguments arguments) throws TemplateException {
      Scope own = scope.inner();
      Map<String, Object> left = new HashMap<>(arguments.named());
      for (int i = 0; i < parameters.size(); i++) {
        String parameter = parameters.get(i);
        boolean isNamed = left.containsKey(parameter);
        Expression usual = defaults.get(parameter);
        Object value =
            i < arguments.size()
                ? arguments.get(i)
                : isNamed
                    ? left.remove(parameter)
                    : usual == null ? new Python.Undefined(parameter) : usual.value(own);
        own.set(parameter, value);
      }
      if (arguments.size() > parameters.size() || !left.isEmpty()) {
        throw new TemplateException("gives the macro " + name + " arguments that it has not");
      }
      StringBuilder text = new StringBuilder();
      own.enter();
      all(body, own, text);
      own.leave();
      return text.toString();
    }
  }
}
