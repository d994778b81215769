package io.sluice.model.chat;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Parses the expressions in a tag, with the precedence of Jinja's operators. */
final class ExpressionParser {
  private static final int DEEPEST = 60;
  private static final int MOST_PARTS = 1000;
  private static final Set<String> COMPARING = Set.of("==", "!=", "<", "<=", ">", ">=");
  private static final Set<String> WORDS = Set.of("if", "else", "and", "or", "not", "in", "is");

  private final List<Token> tokens;
  private int at;
  private int depth;
  private int parts;

  ExpressionParser(List<Token> tokens) {
    this.tokens = tokens;
  }

  /** The next token. */
  Token peek() {
    return tokens.get(at);
  }

  /** Passes over a word or operator if it is next. */
  boolean take(String word) {
    if (peek().is(word)) {
      at++;
      return true;
    }
    return false;
  }

  /** Passes over a word or operator, which must be next. */
  void require(String word) throws TemplateException {
    if (!take(word)) {
      throw new TemplateException("has '" + peek().text() + "' where '" + word + "' was expected");
    }
  }

  /** Passes over a name, which must be next. */
  String name() throws TemplateException {
    if (peek().kind() != Token.Kind.NAME || WORDS.contains(peek().text())) {
      throw new TemplateException("has '" + peek().text() + "' where a name was expected");
    }
    return tokens.get(at++).text();
  }

  /** Counts what makes an expression deeper when it is evaluated. */
  private void part() throws TemplateException {
    if (++parts > MOST_PARTS) {
      throw TemplateException.unsupported("an expression of more than " + MOST_PARTS + " parts");
    }
  }

  /** Requires that the tag ends here. */
  void end() throws TemplateException {
    if (peek().kind() != Token.Kind.END) {
      throw new TemplateException("has '" + peek().text() + "' where a tag should end");
    }
  }

  /** An expression, which may be a choice. */
  Expression expression() throws TemplateException {
    if (++depth > DEEPEST) {
      throw TemplateException.unsupported("expressions " + DEEPEST + " deep");
    }
    Expression value = withoutChoice();
    while (take("if")) {
      part();
      Expression condition = withoutChoice();
      Expression otherwise = take("else") ? expression() : null;
      value = new Expression.Choice(condition, value, otherwise);
    }
    depth--;
    return value;
  }

  /** An expression, or several with commas between, which are a tuple. */
  Expression tuple() throws TemplateException {
    Expression first = expression();
    return peek().is(",") ? tuple(first, false) : first;
  }

  /** An expression that is no choice, as what a loop goes over; a condition may follow it. */
  Expression withoutChoice() throws TemplateException {
    Expression value = and();
    while (take("or")) {
      part();
      value = new Expression.Either(false, value, and());
    }
    return value;
  }

  private Expression and() throws TemplateException {
    Expression value = not();
    while (take("and")) {
      part();
      value = new Expression.Either(true, value, not());
    }
    return value;
  }

  private Expression not() throws TemplateException {
    if (take("not")) {
      if (++depth > DEEPEST) {
        throw TemplateException.unsupported("expressions " + DEEPEST + " deep");
      }
      Expression value = new Expression.Not(not());
      depth--;
      return value;
    }
    return comparison();
  }

  private Expression comparison() throws TemplateException {
    Expression first = sum();
    List<String> operators = new ArrayList<>();
    List<Expression> others = new ArrayList<>();
    while (true) {
      Token next = peek();
      if (next.kind() == Token.Kind.OPERATOR && COMPARING.contains(next.text())) {
        at++;
        operators.add(next.text());
      } else if (take("in")) {
        operators.add("in");
      } else if (next.is("not") && tokens.get(at + 1).is("in")) {
        at += 2;
        operators.add("not in");
      } else {
        return operators.isEmpty() ? first : new Expression.Comparison(first, operators, others);
      }
      others.add(sum());
    }
  }

  private Expression sum() throws TemplateException {
    Expression value = joined();
    while (peek().is("+") || peek().is("-")) {
      part();
      value = new Expression.Operation(tokens.get(at++).text(), value, joined());
    }
    return value;
  }

  private Expression joined() throws TemplateException {
    Expression value = product();
    while (take("~")) {
      part();
      value = new Expression.Operation("~", value, product());
    }
    return value;
  }

  private Expression product() throws TemplateException {
    Expression value = signed(true);
    while (peek().is("*") || peek().is("/") || peek().is("//") || peek().is("%")) {
      part();
      value = new Expression.Operation(tokens.get(at++).text(), value, signed(true));
    }
    if (peek().is("**")) {
      throw TemplateException.unsupported("the operator **");
    }
    return value;
  }

  private Expression signed(boolean isFiltered) throws TemplateException {
    Expression value;
    if (take("-")) {
      part();
      value = new Expression.Negative(signed(false));
    } else {
      if (take("+")) {
        throw TemplateException.unsupported("the sign +");
      }
      value = postfix(primary());
    }
    return isFiltered ? filtered(value) : value;
  }

  private Expression primary() throws TemplateException {
    Token token = tokens.get(at);
    switch (token.kind()) {
      case INTEGER -> {
        at++;
        return new Expression.Constant(Long.valueOf(token.text()));
      }
      case STRING -> {
        StringBuilder text = new StringBuilder();
        while (peek().kind() == Token.Kind.STRING) {
          text.append(tokens.get(at++).text());
        }
        return new Expression.Constant(text.toString());
      }
      case NAME -> {
        return named(name());
      }
      default -> {
        if (take("(")) {
          if (take(")")) {
            return new Expression.Items(List.of());
          }
          Expression first = expression();
          if (peek().is(",")) {
            return tuple(first, true);
          }
          require(")");
          return first;
        }
        if (take("[")) {
          return new Expression.Items(items("]"));
        }
        if (take("{")) {
          return entries();
        }
        throw new TemplateException("has '" + token.text() + "' where a value was expected");
      }
    }
  }

  private static Expression named(String name) {
    return switch (name) {
      case "true", "True" -> new Expression.Constant(true);
      case "false", "False" -> new Expression.Constant(false);
      case "none", "None" -> new Expression.Constant(Python.NONE);
      default -> new Expression.Name(name);
    };
  }

  private Expression tuple(Expression first, boolean isEnclosed) throws TemplateException {
    List<Expression> items = new ArrayList<>(List.of(first));
    while (take(",")) {
      if (peek().is(")") || peek().kind() == Token.Kind.END) {
        break;
      }
      items.add(expression());
    }
    if (isEnclosed) {
      require(")");
    }
    return new Expression.Items(items);
  }

  private List<Expression> items(String close) throws TemplateException {
    List<Expression> items = new ArrayList<>();
    while (!take(close)) {
      items.add(expression());
      if (!peek().is(close)) {
        require(",");
      }
    }
    return items;
  }

  private Expression entries() throws TemplateException {
    Map<String, Expression> entries = new LinkedHashMap<>();
    while (!take("}")) {
      if (!(expression() instanceof Expression.Constant(String key))) {
        throw TemplateException.unsupported("a dictionary whose keys are not texts");
      }
      require(":");
      entries.put(key, expression());
      if (!peek().is("}")) {
        require(",");
      }
    }
    return new Expression.Entries(entries);
  }

  private Expression postfix(Expression of) throws TemplateException {
    Expression value = of;
    while (true) {
      part();
      if (take(".")) {
        if (peek().kind() != Token.Kind.NAME) {
          throw TemplateException.unsupported("the number of an item after a dot");
        }
        value = new Expression.Field(value, tokens.get(at++).text());
      } else if (take("[")) {
        value = inBrackets(value);
      } else if (take("(")) {
        value = new Expression.Call(value, arguments());
      } else {
        return value;
      }
    }
  }

  private Expression inBrackets(Expression of) throws TemplateException {
    Expression[] places = new Expression[3];
    int count = 0;
    while (true) {
      if (!peek().is(":") && !peek().is("]")) {
        places[count] = expression();
      }
      if (take("]")) {
        break;
      }
      if (++count == places.length) {
        throw new TemplateException("has too many parts in brackets");
      }
      require(":");
    }
    if (count > 0) {
      return new Expression.Slice(of, places[0], places[1], places[2]);
    }
    if (places[0] == null) {
      throw new TemplateException("has nothing in brackets");
    }
    return new Expression.Item(of, places[0]);
  }

  /** Arguments up to the closing bracket. */
  private Expression.Given arguments() throws TemplateException {
    List<Expression> places = new ArrayList<>();
    Map<String, Expression> named = new LinkedHashMap<>();
    while (!take(")")) {
      if (peek().is("*") || peek().is("**")) {
        throw TemplateException.unsupported("the arguments " + peek().text());
      }
      if (peek().kind() == Token.Kind.NAME && tokens.get(at + 1).is("=")) {
        String name = name();
        require("=");
        named.put(name, expression());
      } else {
        places.add(expression());
      }
      if (!peek().is(")")) {
        require(",");
      }
    }
    return new Expression.Given(places, named);
  }

  private Expression filtered(Expression of) throws TemplateException {
    Expression value = of;
    while (true) {
      part();
      if (take("|")) {
        String name = name();
        value =
            new Expression.Filter(value, name, take("(") ? arguments() : Expression.Given.NOTHING);
      } else if (take("is")) {
        value = test(value);
      } else if (take("(")) {
        value = new Expression.Call(value, arguments());
      } else {
        return value;
      }
    }
  }

  private Expression test(Expression of) throws TemplateException {
    boolean isNegated = take("not");
    Token name = tokens.get(at++);
    if (name.kind() != Token.Kind.NAME) {
      throw new TemplateException("has '" + name.text() + "' where a test was expected");
    }
    Expression.Given arguments = Expression.Given.NOTHING;
    Token next = peek();
    boolean isValue =
        switch (next.kind()) {
          case STRING, INTEGER -> true;
          case NAME -> !WORDS.contains(next.text());
          case OPERATOR -> next.is("[") || next.is("{");
          case END -> false;
        };
    if (take("(")) {
      arguments = arguments();
    } else if (isValue) {
      arguments = new Expression.Given(List.of(postfix(primary())), Map.of());
    }
    Expression test = new Expression.Test(of, name.text(), arguments);
    return isNegated ? new Expression.Not(test) : test;
  }
}
