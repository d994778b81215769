package io.sluice.model.chat;

import java.time.LocalDate;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What a chat template sees beside the messages: the names that transformers gives it. */
final class Rendering {
  private Rendering() {}

  /**
   * Renders a template as {@code apply_chat_template} of transformers does, without tools and
   * documents and without the beginning of an answer.
   *
   * @param messages of dictionaries, lists, texts, integers, truths and {@link Python#NONE}
   * @param specialTokens by their names in templates, such as {@code bos_token}
   * @param unknown names of special tokens of which it is not known whether there are any
   * @param date what {@code strftime_now} takes for today; null if it has none
   * @throws TemplateException if the template refuses the messages or is not supported
   */
  static String render(
      List<Statement> template,
      List<Object> messages,
      Map<String, String> specialTokens,
      Set<String> unknown,
      LocalDate date)
      throws TemplateException {
    Map<String, Object> names = new HashMap<>(specialTokens);
    names.put("messages", messages);
    names.put("tools", Python.NONE);
    names.put("documents", Python.NONE);
    names.put("add_generation_prompt", false);
    names.put("raise_exception", (Python.Function) Rendering::raise);
    names.put("namespace", (Python.Function) Rendering::namespace);
    names.put("range", (Python.Function) Rendering::range);
    names.put("strftime_now", (Python.Function) arguments -> date(arguments, date));
    for (String other : List.of("dict", "lipsum", "cycler", "joiner")) {
      names.put(
          other,
          (Python.Function)
              arguments -> {
                throw TemplateException.unsupported("the function " + other);
              });
    }
    StringBuilder out = new StringBuilder();
    Statement.all(template, new Scope(names, unknown), out);
    return out.toString();
  }

  private static Object date(Arguments arguments, LocalDate date) throws TemplateException {
    if (date == null) {
      throw TemplateException.unsupported("the function strftime_now without a date (--chat-date)");
    }
    arguments.require("strftime_now", 1, 1);
    return Strftime.text(date, arguments.text("strftime_now", 0));
  }

  private static Object raise(Arguments arguments) throws TemplateException {
    arguments.require("raise_exception", 1, 1);
    throw TemplateException.raised(Python.text(arguments.get(0)));
  }

  private static Object namespace(Arguments arguments) throws TemplateException {
    if (arguments.size() > 0) {
      throw TemplateException.unsupported("a namespace of " + Python.kind(arguments.get(0)));
    }
    Python.Namespace space = new Python.Namespace();
    space.fields().putAll(arguments.named());
    return space;
  }

  private static Object range(Arguments arguments) throws TemplateException {
    arguments.require("range", 1, 3);
    long from = arguments.size() == 1 ? 0 : arguments.integer("range", 0);
    long to = arguments.integer("range", arguments.size() == 1 ? 0 : 1);
    long by = arguments.size() == 3 ? arguments.integer("range", 2) : 1;
    if (by == 0 || Math.abs(to - from) / Math.abs(by) > 100_000) {
      throw TemplateException.unsupported("a range of more than 100000 numbers");
    }
    List<Object> numbers = new ArrayList<>();
    for (long i = from; by > 0 ? i < to : i > to; i += by) {
      numbers.add(i);
    }
    return numbers;
  }
}
