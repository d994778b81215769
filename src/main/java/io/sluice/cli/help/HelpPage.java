package io.sluice.cli.help;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Help.ColorScheme;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/**
 * A command's help as a page of a given width: its usage, its purpose, the options that most runs
 * use and an example; then the rest of its description, its other options by {@link OptionGroup},
 * its footer, and more examples.
 *
 * <p>Texts come without line breaks and are broken here. An element of a description is a
 * paragraph, its first the sentence that lists of commands show. An element of a footer is a
 * paragraph, too, or, by its indentation,
 *
 * <ul>
 *   <li>after two spaces a term, two or more spaces, and what it means;
 *   <li>after four spaces a line that is shown as it is.
 * </ul>
 */
public final class HelpPage {
  /** The widest that names of options may be beside their text; longer ones get a line. */
  private static final int NAMES = 22;

  private static final String INDENT = "  ";

  private final CommandSpec spec;
  private final ColorScheme scheme;
  private final int width;
  private final StringBuilder page = new StringBuilder();

  private HelpPage(CommandSpec spec, ColorScheme scheme, int width) {
    this.spec = spec;
    this.scheme = scheme;
    this.width = width;
  }

  /**
   * Makes this page the help of {@code root} and its subcommands.
   *
   * @param width columns of a page
   */
  public static void showFor(CommandLine root, int width) {
    root.setHelpSectionKeys(List.of("page"));
    root.setHelpSectionMap(
        Map.of("page", help -> new HelpPage(help.commandSpec(), help.colorScheme(), width).text()));
  }

  private String text() {
    String[] description = spec.usageMessage().description();
    Map<OptionGroup, List<OptionSpec>> groups = groups();
    List<String> examples = examples();
    usage();
    paragraph(description[0]);
    options(OptionGroup.ESSENTIAL, groups.remove(OptionGroup.ESSENTIAL));
    arguments();
    commands();
    if (!examples.isEmpty()) {
      heading("Example");
      command(examples.getFirst());
    }
    for (int i = 1; i < description.length; i++) {
      page.append('\n');
      paragraph(description[i]);
    }
    groups.forEach(this::options);
    footer();
    spellings();
    if (examples.size() > 1) {
      heading("More examples");
      examples.stream().skip(1).forEach(this::command);
    }
    return page.toString();
  }

  private Map<OptionGroup, List<OptionSpec>> groups() {
    Map<OptionGroup, List<OptionSpec>> groups = new EnumMap<>(OptionGroup.class);
    for (OptionSpec option : spec.options()) {
      groups
          .computeIfAbsent(
              OptionGroup.of(option).orElse(OptionGroup.GENERAL), group -> new ArrayList<>())
          .add(option);
    }
    return groups;
  }

  private List<String> examples() {
    Examples given = spec.userObject().getClass().getAnnotation(Examples.class);
    return given == null ? List.of() : List.of(given.value());
  }

  private void usage() {
    List<String> lines = new ArrayList<>(List.of(spec.usageMessage().customSynopsis()));
    if (lines.isEmpty()) {
      lines.add(synopsis());
    }
    String before = "Usage: ";
    for (String line : lines) {
      for (String part : TextLines.synopsis(line, width - before.length())) {
        page.append(before).append(part).append('\n');
        before = " ".repeat(before.length());
      }
    }
  }

  /** The command with what it cannot do without. */
  private String synopsis() {
    StringBuilder line = new StringBuilder(spec.qualifiedName());
    for (OptionSpec option : spec.options()) {
      if (option.required()) {
        line.append(' ').append(option.longestName()).append(' ').append(value(option));
      }
    }
    if (spec.options().stream().anyMatch(option -> !option.required())) {
      line.append(" [OPTION...]");
    }
    for (PositionalParamSpec argument : spec.positionalParameters()) {
      line.append(" [").append(argument.paramLabel()).append("...]");
    }
    return line.append(spec.subcommands().isEmpty() ? "" : " COMMAND").toString();
  }

  private void options(OptionGroup group, List<OptionSpec> options) {
    if (options == null) {
      return;
    }
    heading(group.heading());
    int column =
        spec.options().stream()
            .mapToInt(o -> names(o).length())
            .filter(n -> n <= NAMES)
            .max()
            .orElse(NAMES);
    for (OptionSpec option : sorted(options)) {
      row(names(option), meaning(option), column);
    }
  }

  /** By the order that options name; those that name none come first, as they are declared. */
  private static List<OptionSpec> sorted(List<OptionSpec> options) {
    return options.stream().sorted(Comparator.comparingInt(OptionSpec::order)).toList();
  }

  private void arguments() {
    if (spec.positionalParameters().isEmpty()) {
      return;
    }
    heading("Arguments");
    for (PositionalParamSpec argument : spec.positionalParameters()) {
      row(
          argument.paramLabel() + "...",
          String.join(" ", argument.description()),
          argument.paramLabel().length() + 3);
    }
  }

  private void commands() {
    if (spec.subcommands().isEmpty()) {
      return;
    }
    heading("Commands");
    int column = spec.subcommands().keySet().stream().mapToInt(String::length).max().orElseThrow();
    spec.subcommands()
        .forEach(
            (name, command) ->
                row(name, command.getCommandSpec().usageMessage().description()[0], column));
  }

  /** An option's names and value, for instance {@code --hook NAME[,NAME...]}. */
  private static String names(OptionSpec option) {
    String names = String.join(", ", option.names());
    String shown = option.negatable() ? names.replace("--", "--[no-]") : names;
    return option.arity().max() == 0 ? shown : shown + " " + value(option);
  }

  private static String value(OptionSpec option) {
    String label = option.paramLabel();
    if (!option.splitRegex().isEmpty()) {
      return label + "[," + label + "...]";
    }
    return option.arity().max() > 1 ? label + "..." : label;
  }

  private static String meaning(OptionSpec option) {
    return String.join(" ", option.description())
        .replace("${DEFAULT-VALUE}", String.valueOf(option.defaultValue()));
  }

  private void footer() {
    String[] lines = spec.usageMessage().footer();
    int column =
        Arrays.stream(lines)
            .filter(HelpPage::isTerm)
            .mapToInt(line -> line.strip().split(" {2,}")[0].length())
            .max()
            .orElse(0);
    String before = "";
    for (String line : lines) {
      boolean continues = line.startsWith(INDENT) && !before.isEmpty();
      if (!continues) {
        page.append('\n');
      }
      if (isTerm(line)) {
        String[] parts = line.strip().split(" {2,}", 2);
        row(parts[0], parts[1], column);
      } else if (line.startsWith(INDENT)) {
        page.append(line).append('\n');
      } else {
        paragraph(line);
      }
      before = line;
    }
  }

  private void spellings() {
    Map<String, List<String>> spellings =
        OptionSpelling.of(name -> OptionSpelling.mayMean(spec.optionsMap().get("--" + name)));
    if (spellings.isEmpty()) {
      return;
    }
    heading("Other accepted spellings (underscores may stand for hyphens)");
    int column = 2 + spellings.keySet().stream().mapToInt(String::length).max().orElseThrow();
    spellings.forEach(
        (name, others) -> row("--" + name, "--" + String.join(", --", others), column));
  }

  private static boolean isTerm(String line) {
    return line.startsWith(INDENT) && !line.startsWith(INDENT + INDENT);
  }

  private void heading(String text) {
    page.append('\n').append(scheme.ansi().string("@|bold " + text + ":|@")).append('\n');
  }

  private void paragraph(String text) {
    TextLines.wrap(text, width).forEach(line -> page.append(line).append('\n'));
  }

  private void command(String line) {
    TextLines.command(line, width - INDENT.length())
        .forEach(each -> page.append(INDENT).append(each).append('\n'));
  }

  /** A name in a column of its own, and what it means beside it, or below where it is too long. */
  private void row(String name, String meaning, int column) {
    List<String> lines = TextLines.wrap(meaning, width - column - 2 * INDENT.length());
    String margin = INDENT + " ".repeat(column) + INDENT;
    page.append(INDENT).append(scheme.optionText(name));
    boolean beside = name.length() <= column;
    page.append(beside ? " ".repeat(column - name.length()) + INDENT : "\n" + margin);
    page.append(lines.stream().collect(Collectors.joining("\n" + margin))).append('\n');
  }
}
