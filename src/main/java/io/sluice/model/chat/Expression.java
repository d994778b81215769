package io.sluice.model.chat;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** An expression of a template. */
sealed interface Expression {
  /** Its value. */
  Object value(Scope scope) throws TemplateException;

  /** A constant. */
  record Constant(Object constant) implements Expression {
    @Override
    public Object value(Scope scope) {
      return constant;
    }
  }

  /** The value of a name. */
  record Name(String name) implements Expression {
    @Override
    public Object value(Scope scope) throws TemplateException {
      scope.step();
      return scope.get(name);
    }
  }

  /** A list or tuple. */
  record Items(List<Expression> items) implements Expression {
    @Override
    public Object value(Scope scope) throws TemplateException {
      List<Object> values = new ArrayList<>();
      for (Expression item : items) {
        values.add(item.value(scope));
      }
      return values;
    }
  }

  /** A dictionary, whose keys are texts. */
  record Entries(Map<String, Expression> entries) implements Expression {
    @Override
    public Object value(Scope scope) throws TemplateException {
      Map<String, Object> values = new LinkedHashMap<>();
      for (Map.Entry<String, Expression> entry : entries.entrySet()) {
        values.put(entry.getKey(), entry.getValue().value(scope));
      }
      return values;
    }
  }

  /** A field after a dot. */
  record Field(Expression of, String name) implements Expression {
    @Override
    public Object value(Scope scope) throws TemplateException {
      return Python.field(of.value(scope), name);
    }
  }

  /** An item in brackets. */
  record Item(Expression of, Expression key) implements Expression {
    @Override
    public Object value(Scope scope) throws TemplateException {
      scope.step();
      return Python.item(of.value(scope), key.value(scope));
    }
  }

  /** A part in brackets; a place that is not given is null. */
  record Slice(Expression of, Expression from, Expression to, Expression step)
      implements Expression {
    @Override
    public Object value(Scope scope) throws TemplateException {
      return scope.made(
          Python.slice(
              of.value(scope), valueOf(from, scope), valueOf(to, scope), valueOf(step, scope)));
    }

    private static Object valueOf(Expression place, Scope scope) throws TemplateException {
      return place == null ? null : place.value(scope);
    }
  }

  /** Arguments that are not evaluated yet. */
  record Given(List<Expression> places, Map<String, Expression> named) {
    static final Given NOTHING = new Given(List.of(), Map.of());

    Arguments values(Scope scope) throws TemplateException {
      List<Object> values = new ArrayList<>();
      for (Expression place : places) {
        values.add(place.value(scope));
      }
      Map<String, Object> names = new LinkedHashMap<>();
      for (Map.Entry<String, Expression> entry : named.entrySet()) {
        names.put(entry.getKey(), entry.getValue().value(scope));
      }
      return new Arguments(values, names);
    }
  }

  /** A call. */
  record Call(Expression of, Given arguments) implements Expression {
    @Override
    public Object value(Scope scope) throws TemplateException {
      scope.step();
      Object called = of.value(scope);
      if (called instanceof Python.Function function) {
        return scope.made(function.call(arguments.values(scope)));
      }
      throw new TemplateException("calls " + Python.kind(called));
    }
  }

  /** A filter. */
  record Filter(Expression of, String name, Given arguments) implements Expression {
    @Override
    public Object value(Scope scope) throws TemplateException {
      scope.step();
      return scope.made(Filters.apply(name, of.value(scope), arguments.values(scope)));
    }
  }

  /** A test. */
  record Test(Expression of, String name, Given arguments) implements Expression {
    @Override
    public Object value(Scope scope) throws TemplateException {
      return Filters.test(name, of.value(scope), arguments.values(scope));
    }
  }

  /** The opposite. */
  record Not(Expression of) implements Expression {
    @Override
    public Object value(Scope scope) throws TemplateException {
      return !Python.isTrue(of.value(scope));
    }
  }

  /** A number with the other sign. */
  record Negative(Expression of) implements Expression {
    @Override
    public Object value(Scope scope) throws TemplateException {
      if (of.value(scope) instanceof Long number) {
        return -number;
      }
      throw new TemplateException("negates what is no integer");
    }
  }

  /** {@code and} and {@code or}, whose value is that of an operand. */
  record Either(boolean isAnd, Expression first, Expression second) implements Expression {
    @Override
    public Object value(Scope scope) throws TemplateException {
      Object value = first.value(scope);
      return Python.isTrue(value) == isAnd ? second.value(scope) : value;
    }
  }

  /** A calculation. */
  record Operation(String operator, Expression first, Expression second) implements Expression {
    @Override
    public Object value(Scope scope) throws TemplateException {
      scope.step();
      return scope.made(Python.operate(operator, first.value(scope), second.value(scope)));
    }
  }

  /** A comparison with one other, or several one after the other. */
  record Comparison(Expression first, List<String> operators, List<Expression> others)
      implements Expression {
    @Override
    public Object value(Scope scope) throws TemplateException {
      Object left = first.value(scope);
      for (int i = 0; i < operators.size(); i++) {
        Object right = others.get(i).value(scope);
        if (!holds(operators.get(i), left, right)) {
          return false;
        }
        left = right;
      }
      return true;
    }

    private static boolean holds(String operator, Object left, Object right)
        throws TemplateException {
      return switch (operator) {
        case "==" -> Python.areEqual(left, right);
        case "!=" -> !Python.areEqual(left, right);
        case "in" -> Python.isIn(left, right);
        case "not in" -> !Python.isIn(left, right);
        case "<" -> Python.compare(left, right) < 0;
        case "<=" -> Python.compare(left, right) <= 0;
        case ">" -> Python.compare(left, right) > 0;
        default -> Python.compare(left, right) >= 0;
      };
    }
  }

  /** One value or another; undefined if there is no other. */
  record Choice(Expression condition, Expression then, Expression otherwise) implements Expression {
    @Override
    public Object value(Scope scope) throws TemplateException {
      if (Python.isTrue(condition.value(scope))) {
        return then.value(scope);
      }
      return otherwise == null ? new Python.Undefined("else") : otherwise.value(scope);
    }
  }
}
