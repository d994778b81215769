package io.sluice.cli;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * The {@code sluice} command: parses arguments, runs one subcommand and turns every failure into
 * one line on standard error.
 *
 * <p>Exit status: 0 done, 1 failed, 2 used wrongly. Building the command line loads neither
 * LibTorch nor Arrow, so that {@code --help} answers at once; the subcommands therefore hold no
 * static state of those packages.
 */
@Command(
    name = "sluice",
    description = {
      "Sparse dictionary learning on the JVM: capture what a transformer's layers write,",
      "see in how few dimensions they write it, train sparse autoencoders that start there."
    },
    versionProvider = Version.class,
    synopsisSubcommandLabel = "COMMAND",
    commandListHeading = "%nCommands:%n",
    optionListHeading = "%nOptions:%n",
    footer = {
      "",
      "Exit status: 0 done, 1 failed, 2 used wrongly.",
      "'sluice COMMAND --help' explains a command and gives an example.",
      "",
      "Example:",
      "  sluice demo --out demo"
    })
public final class Main implements Runnable {
  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help and exit.")
  private boolean help;

  @Option(
      names = {"-V", "--version"},
      versionHelp = true,
      description = "Show the version and exit.")
  private boolean version;

  @CommandLine.Spec private CommandLine.Model.CommandSpec spec;

  private Main() {}

  /** Runs the command line and exits the JVM with its status. */
  public static void main(String[] args) {
    // Numbers in tables and JSON read the same everywhere.
    Locale.setDefault(Locale.ROOT);
    if (System.getProperty("org.slf4j.simpleLogger.defaultLogLevel") == null) {
      System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", "warn");
    }
    Terminal.useTrueStandardError();
    PrintWriter out = new PrintWriter(System.out, false, StandardCharsets.UTF_8);
    PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
    int status = run(out, err, args);
    System.exit(status);
  }

  /**
   * Runs the command line and returns its exit status.
   *
   * @param out where results go
   * @param err where errors and progress go
   * @param args the arguments after {@code sluice}
   */
  static int run(PrintWriter out, PrintWriter err, String... args) {
    CommandLine root = new CommandLine(new Main());
    // The root's own options take no values, so the first word is the command.
    Commands.addTo(
        root, Stream.of(args).filter(arg -> !arg.startsWith("-")).findFirst().orElse(""));
    CommandLine line = configured(root);
    line.setOut(out);
    line.setErr(err);
    try {
      return line.execute(args);
    } catch (Error e) {
      // Failed links, class initialisers and exhausted memory are the user's to know of, too.
      err.println("sluice: " + ErrorLine.of(e));
      if (Arrays.asList(args).contains("--stacktrace")) {
        e.printStackTrace(err);
      }
      return CommandLine.ExitCode.SOFTWARE;
    } finally {
      out.flush();
      err.flush();
    }
  }

  /** The root with all its subcommands. */
  static CommandLine commandLine() {
    CommandLine root = new CommandLine(new Main());
    Commands.addTo(root);
    return configured(root);
  }

  private static CommandLine configured(CommandLine root) {
    root.setUsageHelpWidth(100);
    root.setUsageHelpLongOptionsMaxWidth(28);
    root.setCaseInsensitiveEnumValuesAllowed(true);
    // Ansi.AUTO would ask System.console(), which loads a line editor.
    root.setColorScheme(
        CommandLine.Help.defaultColorScheme(Terminal.onOutput() ? Ansi.ON : Ansi.OFF));
    root.setParameterExceptionHandler(Main::usageError);
    root.setExecutionExceptionHandler(Main::failure);
    return root;
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "no command given");
  }

  private static int usageError(ParameterException e, String[] args) {
    CommandLine at = e.getCommandLine();
    String name = at.getCommandSpec().qualifiedName();
    at.getErr().println(name + ": " + usageText(e, at) + "; see '" + name + " --help'");
    return CommandLine.ExitCode.USAGE;
  }

  private static String usageText(ParameterException e, CommandLine at) {
    if (at.getParent() == null
        && e instanceof UnmatchedArgumentException unmatched
        && !unmatched.isUnknownOption()) {
      return "unknown command '"
          + unmatched.getUnmatched().getFirst()
          + "' (known: "
          + String.join(", ", at.getSubcommands().keySet())
          + ")";
    }
    String text = ErrorLine.text(e.getMessage());
    // picocli's own messages start with a capital; lines after a colon do not.
    return text.length() > 1 && Character.isLowerCase(text.charAt(1))
        ? Character.toLowerCase(text.charAt(0)) + text.substring(1)
        : text;
  }

  private static int failure(Exception e, CommandLine at, CommandLine.ParseResult result) {
    at.getErr().println(at.getCommandSpec().qualifiedName() + ": " + ErrorLine.of(e));
    if (at.getCommand() instanceof SluiceCommand command && command.stacktrace()) {
      e.printStackTrace(at.getErr());
    }
    return CommandLine.ExitCode.SOFTWARE;
  }
}
