package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import io.sluice.cli.console.CommandWords;
import io.sluice.cli.help.OptionSpelling;
import io.sluice.testing.Pages;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** The command lines that the pages show are commands of this version. */
class DocumentedCommandsTest {
  private static final Pattern WORD = Pattern.compile("'([^']*)'|\"([^\"]*)\"|(\\S+)");
  private static final Pattern OPTION = Pattern.compile("--[a-z][a-z-]*");

  /** Options of the JVM and of pip. */
  private static final List<String> FOREIGN =
      List.of(
          "--add-modules",
          "--add-opens",
          "--enable-native-access",
          "--no-deps",
          "--sun-misc-unsafe-memory-access");

  /** Only asked for its options: making one takes as long as a hundred questions. */
  private static final CommandLine COMMANDS = Main.commandLine();

  /** What {@code bin/sluice-spark} runs. */
  private static final CommandLine CLUSTER = io.sluice.spark.Main.commandLine();

  @Test
  void codeBlocksParse() throws IOException {
    int parsed = 0;
    for (Path page : Pages.all()) {
      for (String block : Pages.blocks(page)) {
        for (String call : Pages.calls(block, "sluice")) {
          if (!isArguments(call)) {
            continue;
          }
          if (call.contains("…") || call.contains(" @")) {
            requireOptions(page, call);
            continue;
          }
          String[] words = words(call.replaceAll(" (?:&&|#|\\|) .*", "")).toArray(String[]::new);
          assertThatCode(() -> parse(words))
              .as(page + ": sluice " + call)
              .doesNotThrowAnyException();
          parsed++;
        }
      }
    }
    assertThat(parsed).isGreaterThan(20);
  }

  @Test
  void commandsInTheProseExist() throws IOException {
    for (Path page : Pages.all()) {
      for (String code : Pages.inlineCode(page)) {
        for (String call : Pages.calls(code, "sluice")) {
          if (isArguments(call)) {
            requireOptions(page, call);
          }
        }
      }
    }
  }

  /** What follows two hyphens is Spark's; the master is the script's. */
  @Test
  void commandsOnAClusterExist() throws IOException {
    int parsed = 0;
    for (Path page : Pages.all()) {
      for (String block : Pages.blocks(page)) {
        for (String call : Pages.calls(block, "sluice-spark")) {
          if (isArguments(call)) {
            String ours = call.replaceFirst(" -- .*", "").replaceFirst(" --master \\S+", "");
            assertThatCode(
                    () -> {
                      CommandLine line = io.sluice.spark.Main.commandLine();
                      line.parseArgs(CommandWords.of(line, words(ours).toArray(String[]::new)));
                    })
                .as(page + ": sluice-spark " + call)
                .doesNotThrowAnyException();
            parsed++;
          }
        }
      }
    }
    assertThat(parsed).isGreaterThan(1);
  }

  @Test
  void theReadmeListsEveryCommand() throws IOException {
    String readme = Files.readString(Path.of("README.md"));
    for (String command : Main.commandLine().getSubcommands().keySet()) {
      assertThat(readme).contains("| `" + command + "` |");
    }
  }

  /** Also where an option stands alone: {@code --from-position N}. */
  @Test
  void optionsInTheProseExist() throws IOException {
    List<CommandLine> commands = new ArrayList<>();
    addAll(COMMANDS, commands);
    addAll(CLUSTER, commands);
    StringBuilder tools = new StringBuilder(Files.readString(Path.of("Makefile")));
    for (String folder : List.of("bin", "src/test/python")) {
      try (Stream<Path> files = Files.list(Path.of(folder))) {
        for (Path file : files.filter(Files::isRegularFile).toList()) {
          tools.append(Files.readString(file));
        }
      }
    }
    for (Path page : Pages.all()) {
      for (String code : Pages.inlineCode(page)) {
        for (MatchResult option : OPTION.matcher(code).results().toList()) {
          String name = option.group();
          if (option.start() > 0 && code.charAt(option.start() - 1) != ' '
              || FOREIGN.contains(name)
              || tools.indexOf(name) >= 0) {
            continue;
          }
          assertThat(commands).as(page + ": " + code).anyMatch(each -> has(each, name));
        }
      }
    }
  }

  private static void parse(String... words) {
    CommandLine line = Main.commandLine();
    line.parseArgs(CommandWords.of(line, words));
  }

  private static void addAll(CommandLine command, List<CommandLine> all) {
    all.add(command);
    command.getSubcommands().values().forEach(each -> addAll(each, all));
  }

  private static boolean has(CommandLine command, String option) {
    CommandLine.Model.CommandSpec spec = command.getCommandSpec();
    Predicate<String> known =
        name ->
            spec.optionsMap().containsKey("--" + name)
                || spec.negatedOptionsMap().containsKey("--" + name);
    return OptionSpelling.name(option.substring(2), known).isPresent();
  }

  /** A program's name, not the name of a folder or of a format. */
  private static boolean isArguments(String call) {
    return call.matches("[a-z]+(?: .*)?") && !call.matches("(?:&& cd|does).*");
  }

  private static void requireOptions(Path page, String call) {
    CommandLine command = COMMANDS;
    boolean naming = true;
    for (String word : words(call)) {
      CommandLine sub = naming ? command.getSubcommands().get(word) : null;
      if (sub != null) {
        command = sub;
        continue;
      }
      naming &= word.equals("|");
      if (word.equals("|") && command.getParent() != null) {
        command = command.getParent();
        continue;
      }
      assertThat(command.getParent()).as(page + ": sluice " + call).isNotNull();
      if (word.startsWith("--")) {
        String name = word.replaceFirst("=.*", "");
        assertThat(has(command, name)).as(page + ": sluice " + call + ": " + name).isTrue();
      }
    }
  }

  private static List<String> words(String call) {
    return WORD.matcher(call)
        .results()
        .map(m -> m.group(1) != null ? m.group(1) : m.group(2) != null ? m.group(2) : m.group(3))
        .toList();
  }
}
