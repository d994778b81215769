package io.sluice.model.parts;

import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.files.Quoted;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * How each key of a configuration is treated: it is honoured; it is refused unless its value is the
 * one that is implemented; or it has no effect on the computation. Any other key is refused, since
 * it may change the result. The check and the tables in {@code docs/models.md} are made from the
 * same rules.
 *
 * <p>A key that ends in {@code .*} stands for all keys with that beginning.
 */
public final class KeyTable {
  /** How a key is treated. */
  private enum Outcome {
    HONOURED,
    REFUSED_UNLESS,
    NO_EFFECT
  }

  /** The keys of a file and their values. */
  public interface Values {
    /** The value under a key; missing if there is none. */
    JsonNode get(String key) throws IOException;
  }

  /** Whether a value is the one that is implemented. */
  public interface Condition {
    boolean holds(JsonNode value, Values all) throws IOException;
  }

  private record Rule(Outcome outcome, String words, Condition condition) {}

  private static final Rule HONOURED = new Rule(Outcome.HONOURED, "", null);
  private static final Rule NO_EFFECT = new Rule(Outcome.NO_EFFECT, "", null);
  private static final String ANY = ".*";

  private final String name;
  private final TreeMap<String, Rule> rules = new TreeMap<>();

  /**
   * @param name whose keys these are, for messages and headings
   */
  public KeyTable(String name) {
    this.name = name;
  }

  /** These keys are read and determine the computation. */
  public KeyTable honoured(String... keys) {
    return add(HONOURED, keys);
  }

  /** These keys do not affect what Sluice computes. */
  public KeyTable noEffect(String... keys) {
    return add(NO_EFFECT, keys);
  }

  /**
   * These keys must have the value that is implemented.
   *
   * @param words the required value, for messages and the documentation
   */
  public KeyTable unless(String words, Condition condition, String... keys) {
    return add(new Rule(Outcome.REFUSED_UNLESS, words, condition), keys);
  }

  /** These keys must be false, or null, which Python takes for false. */
  public KeyTable unlessFalse(String... keys) {
    return unless(
        "`false`",
        (value, all) -> value.isNull() || value.isBoolean() && !value.booleanValue(),
        keys);
  }

  /** These keys must be true. */
  public KeyTable unlessTrue(String... keys) {
    return unless("`true`", (value, all) -> value.isBoolean() && value.booleanValue(), keys);
  }

  /** These keys must be null, or an empty object or list. */
  public KeyTable unlessNone(String... keys) {
    return unless(
        "`null`",
        (value, all) -> value.isNull() || value.isContainerNode() && value.isEmpty(),
        keys);
  }

  /** These keys must be this number, or null where {@code orNull}. */
  public KeyTable unlessNumber(double number, boolean orNull, String... keys) {
    return unless(
        "`" + text(number) + "`",
        (value, all) -> value.isNull() ? orNull : value.isNumber() && value.doubleValue() == number,
        keys);
  }

  private KeyTable add(Rule rule, String... keys) {
    for (String key : keys) {
      if (rules.put(key, rule) != null) {
        throw new IllegalStateException("two rules for " + key + " in the table of " + name);
      }
    }
    return this;
  }

  private static String text(double number) {
    return number == Math.rint(number) ? Long.toString((long) number) : Double.toString(number);
  }

  /** The keys that are honoured. */
  public List<String> honoured() {
    return keys(Outcome.HONOURED);
  }

  /** Whether there is a rule for {@code key}. */
  public boolean knows(String key) {
    return rule(key) != null;
  }

  /** Whether {@code key} does not affect the computation. */
  public boolean hasNoEffect(String key) {
    Rule rule = rule(key);
    return rule != null && rule.outcome == Outcome.NO_EFFECT;
  }

  private Rule rule(String key) {
    Rule rule = rules.get(key);
    for (int dot = key.indexOf('.'); rule == null && dot >= 0; dot = key.indexOf('.', dot + 1)) {
      rule = rules.get(key.substring(0, dot) + ANY);
    }
    return rule;
  }

  /**
   * Checks the keys of a file.
   *
   * @param file for messages
   * @param within what stands before a key in messages; empty, or ending in a dot
   * @throws IOException if a key is unknown, or says what is not computed
   */
  public void check(Path file, String within, Iterable<String> keys, Values values)
      throws IOException {
    for (String key : keys) {
      Rule rule = rule(key);
      String what = file + ": " + Quoted.of(within + key);
      if (rule == null) {
        throw new IOException(
            what
                + " is an unknown setting of "
                + name
                + ", and it may change what the model computes; if it does not, remove it from a"
                + " copy of the file");
      }
      JsonNode value = rule.condition == null ? null : values.get(key);
      if (value != null && !rule.condition.holds(value, values)) {
        throw new IOException(
            what
                + " is "
                + shown(value)
                + ", and only "
                + rule.words.replace("`", "'")
                + " is supported; give another model");
      }
    }
  }

  private static String shown(JsonNode value) {
    String text = value.isTextual() ? value.textValue() : value.toString();
    return Quoted.of(text, 80);
  }

  /** The rows of a table in Markdown: one for each outcome, one for each condition. */
  public String markdown() {
    StringBuilder rows = new StringBuilder();
    row(rows, "honoured", keys(Outcome.HONOURED));
    Map<String, List<String>> conditions = new TreeMap<>();
    rules.forEach(
        (key, rule) -> {
          if (rule.outcome == Outcome.REFUSED_UNLESS) {
            conditions.computeIfAbsent(rule.words, words -> new ArrayList<>()).add(key);
          }
        });
    conditions.forEach((words, keys) -> row(rows, "refused unless " + words, keys));
    row(rows, "of no effect", keys(Outcome.NO_EFFECT));
    return rows.toString();
  }

  private void row(StringBuilder rows, String outcome, List<String> keys) {
    if (!keys.isEmpty()) {
      rows.append("| ")
          .append(outcome)
          .append(" | ")
          .append(keys.stream().map(key -> "`" + key + "`").collect(Collectors.joining(", ")))
          .append(" |\n");
    }
  }

  private List<String> keys(Outcome outcome) {
    return new TreeSet<>(rules.keySet())
        .stream().filter(key -> rules.get(key).outcome == outcome).toList();
  }
}
