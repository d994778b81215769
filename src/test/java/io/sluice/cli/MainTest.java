package io.sluice.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
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
