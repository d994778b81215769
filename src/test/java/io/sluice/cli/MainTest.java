package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.cli.console.ErrorLine;
import io.sluice.cli.console.SluiceCommand;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;

class MainTest {
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int sluice(String... args) {
    return Main.run(new PrintWriter(out), new PrintWriter(err), args);
  }

  @Test
  void helpGoesToStandardOutputWithStatusZero() {
    assertThat(sluice("--help")).isZero();
    assertThat(out.toString()).contains("Usage: sluice", "Example:");
    assertThat(err.toString()).isEmpty();
  }

  @Test
  void helpIsThatOfAllCommandsThoughTheirOptionsAreNotRead() {
    assertThat(sluice("--help")).isZero();
    assertThat(out.toString()).isEqualTo(Main.commandLine().getUsageMessage());
  }

  @Test
  void versionNamesTheBuildAndTheJdk() {
    assertThat(sluice("--version")).isZero();
    assertThat(out.toString()).matches("(?s)sluice \\d+\\.\\d+\\.\\d+\\S* \\(Java .*\\)\\R");
  }

  @Test
  void noCommandIsAUsageError() {
    assertThat(sluice()).isEqualTo(2);
    assertThat(err.toString()).isEqualTo("sluice: no command given; see 'sluice --help'\n");
  }

  @Test
  void unknownCommandIsAUsageErrorOfOneLine() {
    assertThat(sluice("frobnicate")).isEqualTo(2);
    assertThat(err.toString().lines()).hasSize(1);
    assertThat(err.toString()).contains("frobnicate", "sluice --help");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "frobnicate --help | unknown command 'frobnicate'; there are doctor, capture,",
        "--help frobnicate | unknown command 'frobnicate'",
        "lorsa foo | unknown command 'foo'; there are train, evaluate; see",
        "lorsa foo --help | unknown command 'foo'",
        "lorsa trian --store s | unknown command 'trian' (did you mean train?); there are train, evaluate",
        "tran | did you mean train?",
        "specturm --store s | did you mean spectrum?",
        "eval --store s | did you mean evaluate?",
        "train --activatoin topk | unknown option '--activatoin' (did you mean --activation?)",
        "train --feat=3 --out o | unknown option '--feat' (did you mean --features?",
        "train --out o --Store s | unknown option '--Store' (did you mean --store?",
        "train --out o -x | unknown option '-x'; see",
        "train --out o --frobnicate 3 | unknown option '--frobnicate'; see",
        "train --out o stray | unexpected word 'stray'",
      })
  void wrongWordsAreNamedWithTheRightOne(String line, String message) {
    assertThat(sluice(line.split(" "))).isEqualTo(2);
    assertThat(out.toString()).isEmpty();
    assertThat(err.toString().lines()).hasSize(1);
    assertThat(err.toString()).contains(message);
  }

  @Tag("slow")
  @Test
  void emptyValuesAreRefusedWhereTheyMeanNothing() {
    int options = 0;
    for (CommandLine command : leaves(Main.commandLine())) {
      String[] words =
          command.getCommandSpec().qualifiedName().replaceFirst("sluice ", "").split(" ");
      for (OptionSpec option : command.getCommandSpec().options()) {
        if (option.arity().max() == 0 || option.longestName().equals("--prompt")) {
          continue;
        }
        options++;
        err.getBuffer().setLength(0);
        String[] all =
            Stream.concat(Stream.of(words), Stream.of(option.longestName(), ""))
                .toArray(String[]::new);
        assertThat(sluice(all)).as(String.join(" ", all)).isEqualTo(2);
        assertThat(err.toString().lines()).hasSize(1);
        assertThat(err.toString()).contains(option.longestName());
      }
    }
    assertThat(options).isGreaterThan(100);
  }

  private static List<CommandLine> leaves(CommandLine line) {
    return line.getSubcommands().isEmpty()
        ? List.of(line)
        : line.getSubcommands().values().stream().flatMap(each -> leaves(each).stream()).toList();
  }

  @TestFactory
  Stream<DynamicTest> everyCommandHasHelpWithAnExampleAndTheSharedOptions() {
    Map<String, CommandLine> commands = Main.commandLine().getSubcommands();
    return commands.entrySet().stream()
        .map(
            entry ->
                DynamicTest.dynamicTest(
                    entry.getKey(),
                    () -> {
                      StringWriter help = new StringWriter();
                      int status =
                          Main.run(
                              new PrintWriter(help),
                              new PrintWriter(help),
                              entry.getKey(),
                              "--help");
                      assertThat(status).isZero();
                      assertThat(help.toString())
                          .contains(
                              "Usage: sluice " + entry.getKey(),
                              "Example:\n  sluice " + entry.getKey(),
                              "--seed",
                              "--stacktrace");
                    }));
  }

  @TestFactory
  Stream<DynamicTest> everyCommandRefusesAnUnknownOptionInOneLine() {
    return Main.commandLine().getSubcommands().keySet().stream()
        .map(
            name ->
                DynamicTest.dynamicTest(
                    name,
                    () -> {
                      StringWriter lines = new StringWriter();
                      int status =
                          Main.run(
                              new PrintWriter(new StringWriter()),
                              new PrintWriter(lines),
                              name,
                              "--no-such-option");
                      assertThat(status).isEqualTo(2);
                      assertThat(lines.toString().lines()).hasSize(1);
                      assertThat(lines.toString()).startsWith("sluice " + name + ": ");
                    }));
  }

  @Test
  void failureIsOneLineWithStatusOne() {
    assertThat(failing(new IOException("store.arrow: truncated;\n capture again")))
        .isEqualTo("sluice fail: store.arrow: truncated; capture again\n");
    assertThat(failing(new UncheckedIOException(new NoSuchFileException("x.txt"))))
        .isEqualTo("sluice fail: no such file or folder: x.txt\n");
    assertThat(failing(new FileSystemException("x", null, "No space left on device")))
        .isEqualTo("sluice fail: x: No space left on device\n");
    assertThat(failing(new NullPointerException("oops")))
        .contains("internal error", "oops", "--stacktrace");
  }

  @Test
  void errorsOfTheJvmAreOneLineToo() {
    assertThat(ErrorLine.of(new OutOfMemoryError("Java heap space"))).contains("-Xmx");
    assertThat(ErrorLine.of(new ExceptionInInitializerError(new IOException("libc10.so: gone"))))
        .isEqualTo("libc10.so: gone");
  }

  @Test
  void stacktraceOptionShowsTheTrace() {
    assertThat(failing(new IOException("broken"), "--stacktrace"))
        .startsWith("sluice fail: broken\n")
        .contains("java.io.IOException: broken", "\tat ");
  }

  @Test
  void usageErrorOfACommandIsStatusTwo() {
    CommandLine line = Main.commandLine().addSubcommand(new Picky());
    line.setErr(new PrintWriter(err));
    assertThat(line.execute("picky", "--k", "0")).isEqualTo(2);
    assertThat(err.toString())
        .isEqualTo("sluice picky: --k must be at least 1, not 0; see 'sluice picky --help'\n");
  }

  @Test
  void seedIsZeroUnlessGiven() {
    Picky picky = new Picky();
    CommandLine line = Main.commandLine().addSubcommand(picky);
    assertThat(line.execute("picky")).isZero();
    assertThat(picky.seen).isZero();
    assertThat(line.execute("picky", "--seed", "42")).isZero();
    assertThat(picky.seen).isEqualTo(42);
  }

  private String failing(Exception failure, String... args) {
    StringWriter text = new StringWriter();
    CommandLine line = Main.commandLine().addSubcommand(new Fail(failure));
    line.setErr(new PrintWriter(text));
    String[] all = Stream.concat(Stream.of("fail"), Stream.of(args)).toArray(String[]::new);
    assertThat(line.execute(all)).isEqualTo(1);
    return text.toString();
  }

  @Command(name = "fail")
  private static final class Fail extends SluiceCommand {
    private final Exception failure;

    Fail(Exception failure) {
      this.failure = failure;
    }

    @Override
    protected void run() throws Exception {
      throw failure;
    }
  }

  @Command(name = "picky")
  private static final class Picky extends SluiceCommand {
    @Option(names = "--k", defaultValue = "1")
    private int k;

    private long seen;

    @Override
    protected void run() {
      if (k < 1) {
        throw usage("--k must be at least 1, not " + k);
      }
      seen = seed();
    }
  }
}
