package io.sluice.model.chat;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** Parses the statements of a template. */
final class TemplateParser {
  private static final int DEEPEST = 60;

  private final List<Lexer.Piece> pieces;
  private int at;
  private int loops;
  private int depth;

  /** The tag that ended the latest statements. */
  private ExpressionParser ending;

  private TemplateParser(List<Lexer.Piece> pieces) {
    this.pieces = pieces;
  }

  /**
   * Parses a template.
   *
   * @throws TemplateException if it is damaged, or has a statement that is not supported
   */
  static List<Statement> parse(String template) throws TemplateException {
    TemplateParser parser = new TemplateParser(Lexer.split(template));
    return parser.until(Set.of());
  }

  /** Statements up to one of these tags, which is passed over, or up to the end. */
  private List<Statement> until(Set<String> ends) throws TemplateException {
    if (++depth > DEEPEST) {
      throw TemplateException.unsupported("statements " + DEEPEST + " deep");
    }
    List<Statement> statements = new ArrayList<>();
    while (at < pieces.size()) {
      Lexer.Piece piece = pieces.get(at++);
      if (piece.text() != null) {
        statements.add(new Statement.Text(piece.text()));
        continue;
      }
      ExpressionParser tag = new ExpressionParser(piece.tokens());
      if (piece.isOutput()) {
        statements.add(new Statement.Output(tag.tuple()));
        tag.end();
        continue;
      }
      String word = tag.peek().text();
      if (tag.peek().kind() == Token.Kind.NAME && ends.contains(word)) {
        ending = tag;
        depth--;
        return statements;
      }
      statements.add(statement(tag));
    }
    if (!ends.isEmpty()) {
      throw new TemplateException(
          "ends where " + String.join(" or ", new TreeSet<>(ends)) + " was expected");
    }
    depth--;
    return statements;
  }

  private Statement statement(ExpressionParser tag) throws TemplateException {
    String word = tag.peek().kind() == Token.Kind.NAME ? tag.peek().text() : "";
    // The words of tags are names, except for these.
    if (tag.take("if")) {
      return conditional(tag);
    }
    if (!word.isEmpty()) {
      tag.name();
    }
    return switch (word) {
      case "for" -> loop(tag);
      case "set" -> set(tag);
      case "macro" -> macro(tag);
      case "generation" -> {
        tag.end();
        yield new Statement.Marked(body("endgeneration"));
      }
      case "break", "continue" -> {
        tag.end();
        if (loops == 0) {
          throw new TemplateException("has " + word + " outside of a loop");
        }
        yield new Statement.Jump(
            word.equals("break") ? Statement.Next.BREAK : Statement.Next.CONTINUE);
      }
      default -> throw TemplateException.unsupported("the tag " + word);
    };
  }

  /** Statements up to a tag that has nothing but its name. */
  private List<Statement> body(String end) throws TemplateException {
    List<Statement> body = until(Set.of(end));
    ending.name();
    ending.end();
    return body;
  }

  private Statement conditional(ExpressionParser tag) throws TemplateException {
    List<Expression> conditions = new ArrayList<>();
    List<List<Statement>> bodies = new ArrayList<>();
    conditions.add(tag.expression());
    tag.end();
    while (true) {
      boolean isLast = conditions.getLast() == null;
      bodies.add(until(isLast ? Set.of("endif") : Set.of("elif", "else", "endif")));
      if (ending.take("else")) {
        conditions.add(null);
      } else if (ending.take("elif")) {
        conditions.add(ending.expression());
      } else {
        ending.require("endif");
        ending.end();
        return new Statement.If(conditions, bodies);
      }
      ending.end();
    }
  }

  private Statement loop(ExpressionParser tag) throws TemplateException {
    List<String> targets = new ArrayList<>();
    do {
      targets.add(tag.name());
    } while (tag.take(","));
    tag.require("in");
    Expression items = tag.withoutChoice();
    Expression condition = tag.take("if") ? tag.expression() : null;
    if (tag.peek().is("recursive")) {
      throw TemplateException.unsupported("a recursive loop");
    }
    tag.end();
    loops++;
    List<Statement> body = until(Set.of("else", "endfor"));
    loops--;
    List<Statement> otherwise = List.of();
    if (ending.take("else")) {
      ending.end();
      otherwise = body("endfor");
    } else {
      ending.name();
      ending.end();
    }
    return new Statement.For(targets, items, condition, body, otherwise);
  }

  private Statement set(ExpressionParser tag) throws TemplateException {
    String name = tag.name();
    String field = tag.take(".") ? tag.name() : null;
    if (field != null && field.startsWith("_")) {
      throw TemplateException.unsupported("the field " + field);
    }
    if (tag.take("=")) {
      Expression value = tag.tuple();
      tag.end();
      return new Statement.Set(name, field, value);
    }
    if (field != null || tag.peek().kind() != Token.Kind.END) {
      throw TemplateException.unsupported("set with '" + tag.peek().text() + "'");
    }
    int outside = loops;
    loops = 0;
    Statement block = new Statement.SetBlock(name, body("endset"));
    loops = outside;
    return block;
  }

  private Statement macro(ExpressionParser tag) throws TemplateException {
    String name = tag.name();
    List<String> parameters = new ArrayList<>();
    Map<String, Expression> defaults = new LinkedHashMap<>();
    tag.require("(");
    while (!tag.take(")")) {
      String parameter = tag.name();
      parameters.add(parameter);
      if (tag.take("=")) {
        defaults.put(parameter, tag.expression());
      }
      if (!tag.peek().is(")")) {
        tag.require(",");
      }
    }
    tag.end();
    int outside = loops;
    loops = 0;
    List<Statement> body = body("endmacro");
    loops = outside;
    return new Statement.Macro(name, parameters, defaults, body);
  }
}
