package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.cli.console.Terminal;
import io.sluice.cli.help.Examples;
import io.sluice.cli.help.HelpPage;
import io.sluice.cli.help.OptionGroup;
import io.sluice.engine.activation.ActivationFunctions;
import io.sluice.engine.activation.CustomActivation;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** The help of every command, at the widths of usual terminals. */
class HelpPageTest {
  private static final int SCREEN = 24;

  static Stream<CommandLine> commands() {
    return all(Main.commandLine());
  }

  private static Stream<CommandLine> all(CommandLine line) {
    return Stream.concat(
        Stream.of(line), line.getSubcommands().values().stream().flatMap(HelpPageTest::all));
  }

  private static String page(CommandLine command, int width) {
    HelpPage.showFor(command, width);
    return command.getUsageMessage();
  }

  private static String onOneLine(String text) {
    return text.replace("\\\n", " ").replaceAll("\\s+", " ").strip();
  }

  /** Everything that a page breaks into lines. */
  private static List<String> texts(CommandSpec spec) {
    List<String> texts = new ArrayList<>();
    texts.addAll(List.of(spec.usageMessage().description()));
    texts.addAll(List.of(spec.usageMessage().footer()));
    texts.addAll(List.of(spec.usageMessage().customSynopsis()));
    Examples examples = spec.userObject().getClass().getAnnotation(Examples.class);
    texts.addAll(examples == null ? List.of() : List.of(examples.value()));
    spec.args().forEach(arg -> texts.add(description(arg)));
    return texts;
  }

  private static String description(ArgSpec arg) {
    return String.join(" ", arg.description())
        .replace("${DEFAULT-VALUE}", String.valueOf(arg.defaultValue()));
  }

  @ParameterizedTest
  @MethodSource("commands")
  void noLineIsWiderThanTheTerminalAndNoWordIsBroken(CommandLine command) {
    for (int width : new int[] {80, 120}) {
      String page = page(command, width);
      assertThat(page.lines()).allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(width));
      assertThat(page.lines()).noneMatch(line -> line.endsWith(" "));
      String words = onOneLine(page);
      for (String text : texts(command.getCommandSpec())) {
        assertThat(words).contains(onOneLine(text));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("commands")
  void aWideTerminalIsUsed(CommandLine command) {
    assertThat(page(command, 80).lines()).anyMatch(line -> line.length() > 70);
    assertThat(page(command, 120).lines()).anyMatch(line -> line.length() > 80);
    assertThat(page(command, 120).lines().count()).isLessThan(page(command, 80).lines().count());
  }

  @ParameterizedTest
  @MethodSource("commands")
  void everyOptionStandsUnderAHeading(CommandLine command) {
    List<String> lines = page(command, 80).lines().toList();
    for (OptionSpec option : command.getCommandSpec().options()) {
      OptionGroup group = OptionGroup.of(option).orElse(null);
      assertThat(group).as(option.longestName()).isNotNull();
      String name = option.longestName().replace("--", option.negatable() ? "--[no-]" : "--");
      int from = lines.indexOf(group.heading() + ":");
      assertThat(from).as(group.heading()).isNotNegative();
      List<String> section =
          lines.subList(from + 1, lines.size()).stream().takeWhile(l -> !l.isEmpty()).toList();
      assertThat(section).anyMatch(line -> line.matches(" +(-., )?\\Q" + name + "\\E( .*)?"));
    }
  }

  @ParameterizedTest
  @MethodSource("commands")
  void headingsKeepTheirOrder(CommandLine command) {
    List<String> lines = page(command, 80).lines().toList();
    List<Integer> places =
        Stream.of(OptionGroup.values())
            .map(group -> lines.indexOf(group.heading() + ":"))
            .filter(place -> place >= 0)
            .toList();
    assertThat(places).isNotEmpty().isSorted();
  }

  @ParameterizedTest
  @MethodSource("commands")
  void descriptionsAreSentencesWithoutLineBreaks(CommandLine command) {
    CommandSpec spec = command.getCommandSpec();
    List<String> sentences = new ArrayList<>(Arrays.asList(spec.usageMessage().description()));
    for (ArgSpec arg : spec.args()) {
      assertThat(arg.description()).as(arg.paramLabel()).hasSize(1);
      sentences.add(arg.description()[0]);
    }
    for (String text : texts(spec)) {
      assertThat(text).doesNotContain("\n", "\r", "\t", "%n", "\\");
    }
    for (String sentence : sentences) {
      assertThat(sentence).matches("(?s)(--|'|@)?[\\p{Lu}a-z@].*\\.").doesNotContain("  ");
      assertThat(Character.isLowerCase(sentence.charAt(0))).as(sentence).isFalse();
    }
    for (ArgSpec arg : spec.args()) {
      assertThat(arg.description()[0]).matches("\\p{Lu}\\p{Ll}+ .*\\.");
    }
  }

  @Test
  void trainBeginsWithAScreenOfWhatMostRunsUse() {
    List<String> lines =
        page(Main.commandLine().getSubcommands().get("train"), 80).lines().toList();
    List<String> screen = lines.subList(0, SCREEN);
    assertThat(screen.stream().filter(line -> line.startsWith("  --")).count()).isBetween(10L, 14L);
    int example = screen.indexOf("Example:");
    assertThat(example).isPositive();
    assertThat(screen.get(example + 1)).startsWith("  sluice train --store ");
    // The example ends on the screen.
    assertThat(screen.subList(example, SCREEN)).contains("");
  }

  @Test
  void theListOfCommandsHasAWholeSentenceForEach() {
    CommandLine root = Main.commandLine();
    String words = onOneLine(page(root, 80));
    root.getSubcommands()
        .forEach(
            (name, command) -> {
              String sentence = command.getCommandSpec().usageMessage().description()[0];
              assertThat(sentence).matches("\\p{Lu}[^.]*\\.");
              assertThat(words).contains(name + " " + sentence);
            });
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--checkpoint-every",
        "--d-init",
        "--dead-after",
        "--device",
        "--engine",
        "--held-out",
        "--init",
        "--json",
        "--lr",
        "--no-verify",
        "--resume",
        "--seed",
        "--tau",
        "--threads",
        "--warmup"
      })
  void anOptionOfSeveralTrainingsIsDeclaredOnce(String name) {
    CommandLine root = Main.commandLine();
    CommandLine lorsa = root.getSubcommands().get("lorsa");
    List<Object> fields =
        Stream.of(
                root.getSubcommands().get("train"),
                root.getSubcommands().get("sweep"),
                lorsa.getSubcommands().get("train"))
            .map(command -> command.getCommandSpec().findOption(name))
            .filter(Objects::nonNull)
            .map(OptionSpec::userObject)
            .toList();
    assertThat(fields).hasSizeGreaterThan(1);
    assertThat(new HashSet<>(fields)).hasSize(1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"train", "lorsa train", "evaluate", "capture"})
  void namesAndMeaningsStandInColumns(String name) {
    CommandLine command = Main.commandLine();
    for (String word : name.split(" ")) {
      command = command.getSubcommands().get(word);
    }
    List<String> lines = page(command, 80).lines().toList();
    List<String> section =
        lines.subList(lines.indexOf("General:") + 1, lines.size()).stream()
            .takeWhile(line -> !line.isEmpty())
            .toList();
    int column =
        section.stream()
            .filter(l -> l.startsWith("  --"))
            .findFirst()
            .orElseThrow()
            .replaceFirst("^(  \\S.*?)  +\\S.*", "$1  ")
            .length();
    assertThat(column).isPositive();
    assertThat(section.stream().filter(line -> !line.startsWith("  -")).toList())
        .isNotEmpty()
        .allSatisfy(line -> assertThat(line.substring(0, column)).isBlank());
  }

  @Test
  void widthIsThatOfTheEnvironmentWhereThereIsNoTerminal() {
    assertThat(Terminal.pageColumns(null)).isEqualTo(80);
    assertThat(Terminal.pageColumns("120")).isEqualTo(120);
    assertThat(Terminal.pageColumns("wide")).isEqualTo(80);
    assertThat(Terminal.pageColumns("0")).isEqualTo(80);
    assertThat(Terminal.pageColumns("7")).isEqualTo(40);
  }

  /** Those that the library has; tests add more of them by their class path. */
  private static List<String> activations() {
    return ActivationFunctions.labels().stream()
        .filter(label -> !(ActivationFunctions.named(label) instanceof CustomActivation))
        .toList();
  }

  @Test
  void trainExplainsEveryActivationFunction() {
    List<String> footer = List.of(footer("train"));
    int from = footer.indexOf("Activation functions (--activation):") + 1;
    assertThat(from).isPositive();
    List<String> explained =
        footer.stream()
            .skip(from)
            .takeWhile(line -> line.startsWith("  "))
            .map(line -> line.strip().split(" ")[0])
            .toList();
    assertThat(explained).isEqualTo(activations());
  }

  @Test
  void sweepListsEveryActivationFunction() {
    assertThat(footer("sweep")).contains("  activation  " + String.join(", ", activations()) + ".");
  }

  private static String[] footer(String command) {
    return Main.commandLine()
        .getSubcommands()
        .get(command)
        .getCommandSpec()
        .usageMessage()
        .footer();
  }
}
