package io.sluice.cli.console;

import io.sluice.cli.help.OptionSpelling;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;

/**
 * Prepares the words of a command line for the parser: replaces {@code @FILE} by the words of the
 * {@link SettingsFile}, and other spellings of options by their names ({@link OptionSpelling}).
 *
 * <p>An option on the command line replaces the same option of a file, and one of a later file that
 * of an earlier. A word with {@code @} that follows an option which takes a value is that value;
 * {@code @@word} stands for {@code @word} anywhere.
 */
public final class CommandWords {
  /** The command line itself, which comes after all files. */
  private static final int TYPED = Integer.MAX_VALUE;

  /** An option with its values, or a word by itself, where {@code option} is null. */
  private record Part(int source, OptionSpec option, List<String> words) {
    /** Whether the option takes more values than it has. */
    boolean takesMore() {
      int values = words.size() - (words.getFirst().contains("=") ? 0 : 1);
      return option != null && option.arity().max() > values;
    }
  }

  private final List<Part> parts = new ArrayList<>();
  private CommandLine at;
  private int files;
  private boolean ended;

  private CommandWords(CommandLine root) {
    at = root;
  }

  /**
   * The words for the parser of {@code root}.
   *
   * @throws ParameterException if a file cannot be read or stands before the command
   */
  public static String[] of(CommandLine root, String... args) {
    CommandWords words = new CommandWords(root);
    for (String arg : args) {
      words.add(arg, TYPED);
    }
    return words.parts.stream()
        .filter(part -> !words.isReplaced(part))
        .flatMap(part -> part.words().stream())
        .toArray(String[]::new);
  }

  private void add(String word, int source) {
    if (ended) {
      parts.add(new Part(source, null, List.of(word)));
    } else if (awaitsValue(source)) {
      parts.getLast().words().add(unescaped(word));
    } else if (word.startsWith("@") && word.length() > 1 && !word.startsWith("@@")) {
      addFile(word.substring(1), source);
    } else if (word.startsWith("--") && word.length() > 2) {
      addOption(word, source);
    } else {
      addWord(unescaped(word), source);
    }
  }

  private static String unescaped(String word) {
    return word.startsWith("@@") ? word.substring(1) : word;
  }

  /** Whether the previous word is an option whose value comes next. */
  private boolean awaitsValue(int source) {
    return !parts.isEmpty()
        && parts.getLast().source() == source
        && parts.getLast().words().size() == 1
        && !parts.getLast().words().getFirst().contains("=")
        && parts.getLast().takesMore();
  }

  private void addFile(String name, int source) {
    if (source != TYPED) {
      throw new ParameterException(
          at, "a file of options names another, @" + name + "; name both on the command line");
    }
    if (!at.getSubcommands().isEmpty()) {
      throw new ParameterException(
          at, "@" + name + " comes before the command; give the command first");
    }
    files++;
    try {
      for (String word : SettingsFile.read(name)) {
        add(word, files);
      }
    } catch (IOException e) {
      throw new ParameterException(at, ErrorLine.of(e));
    }
  }

  private void addOption(String word, int source) {
    int end = word.contains("=") ? word.indexOf('=') : word.length();
    String name = known(word.substring(0, end));
    parts.add(new Part(source, option(name), new ArrayList<>(List.of(name + word.substring(end)))));
  }

  private void addWord(String word, int source) {
    ended = word.equals("--");
    CommandLine command = at.getSubcommands().get(word);
    if (command != null) {
      at = command;
    }
    boolean value =
        !parts.isEmpty()
            && parts.getLast().source() == source
            && parts.getLast().takesMore()
            && !word.startsWith("-");
    if (value) {
      parts.getLast().words().add(word);
    } else {
      parts.add(new Part(source, null, List.of(word)));
    }
  }

  /** The option's own name for {@code spelled}, or {@code spelled} where nothing else is meant. */
  private String known(String spelled) {
    if (option(spelled) != null) {
      return spelled;
    }
    String hyphened = spelled.replace('_', '-');
    String before = hyphened.startsWith("--no-") ? "--no-" : "--";
    return OptionSpelling.name(
            hyphened.substring(before.length()),
            name -> {
              OptionSpec option = option(before + name);
              return hyphened.equals(before + name)
                  ? option != null
                  : OptionSpelling.mayMean(option);
            })
        .map(name -> before + name)
        .orElse(spelled);
  }

  private OptionSpec option(String name) {
    CommandSpec spec = at.getCommandSpec();
    return Optional.ofNullable(spec.optionsMap().get(name))
        .orElse(spec.negatedOptionsMap().get(name));
  }

  private boolean isReplaced(Part part) {
    return part.option() != null
        && parts.stream()
            .anyMatch(other -> other.option() == part.option() && other.source() > part.source());
  }
}
