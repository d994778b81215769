package io.sluice.cli;

import io.sluice.cli.console.CommandWords;
import io.sluice.cli.console.Console;
import io.sluice.cli.console.ConsolePrinter;
import io.sluice.cli.console.ErrorLine;
import io.sluice.cli.console.PlatformText;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.console.Terminal;
import io.sluice.cli.console.UsageError;
import io.sluice.cli.console.Values;
import io.sluice.cli.console.Version;
import io.sluice.cli.help.Examples;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.HelpPage;
import io.sluice.cli.help.OptionGroup;
import io.sluice.training.run.StoppedException;
import java.io.PrintWriter;
import java.io.Writer;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.RunLast;

/**
 * The {@code sluice} command: parses arguments, runs one subcommand and turns every failure into
 * one line on standard error.
 *
 * <p>Exit status: 0 success, 1 failure, 2 wrong usage, 141 success but the output was not read to
 * the end. Building the command line loads neither LibTorch nor Arrow, so that {@code --help}
 * answers at once; the subcommands therefore hold no static state of those packages.
 */
@Command(
    name = "sluice",
    customSynopsis = {"sluice COMMAND [OPTION...]", "sluice help COMMAND"},
    description = {
      "Sluice stores what the layers of a transformer write, measures in how few dimensions they "
          + "write it, and trains sparse autoencoders that start in those dimensions.",
      "'sluice help COMMAND' explains a command and gives an example. 'sluice COMMAND @FILE' reads "
          + "options from a file, as 'sluice help train' shows."
    },
    versionProvider = Version.class,
    footer = {
      "Exit status:",
      "  0    The command has succeeded.",
      "  1    The command has failed.",
      "  2    The command was used wrongly.",
      "  130  Ctrl-C has ended the command.",
      "  141  The command has finished its work, but its output was not read to the end."
    })
@Examples("sluice demo --out demo")
@Grouped(OptionGroup.GENERAL)
public final class Main implements Runnable {
  /** The exit status with which shells report a program that Ctrl-C ended. */
  private static final int STOPPED = 130;

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
    System.exit(run(Console.ofProcess(), args));
  }

  /**
   * Runs the command line and returns its exit status.
   *
   * @param out where results go
   * @param err where errors and progress go
   * @param args the arguments after {@code sluice}
   */
  static int run(Writer out, Writer err, String... args) {
    return run(Console.over(out, err), args);
  }

  /**
   * Runs the command line of another program that has some of the commands, and returns its exit
   * status.
   *
   * @param program its name, with which errors begin
   * @param commands its commands; each extends one of {@code sluice} and has its name
   * @param args the arguments after the program's name
   */
  public static int run(
      String program, List<Class<? extends SluiceCommand>> commands, String... args) {
    return run(Console.ofProcess(), program, (root, wanted) -> addTo(root, commands), args);
  }

  /**
   * Reads words into a command without running it, as a process does that works for another.
   *
   * @param words its options, as {@link SluiceCommand#words} gives them
   */
  public static <C extends SluiceCommand> C parsed(C command, List<String> words) {
    configured(new CommandLine(command)).parseArgs(words.toArray(String[]::new));
    return command;
  }

  private static int run(Console console, String... args) {
    return run(console, "sluice", Commands::addTo, args);
  }

  private static int run(
      Console console, String program, BiConsumer<CommandLine, String> commands, String... args) {
    // The root's own options take no values, so the first word is the command.
    String command = Stream.of(args).filter(arg -> !arg.startsWith("-")).findFirst().orElse("");
    int status = execute(console, program, command, commands, args);
    if (!console.isWhole() && status == CommandLine.ExitCode.OK) {
      status = console.lostOutput((program + " " + command).strip());
    }
    console.err().flush();
    return status;
  }

  private static int execute(
      Console console,
      String program,
      String command,
      BiConsumer<CommandLine, String> commands,
      String... args) {
    PrintWriter err = console.err();
    try {
      PlatformText.require(args);
      CommandLine root = new CommandLine(new Main());
      root.setCommandName(program);
      commands.accept(root, command);
      CommandLine line = configured(root);
      line.setOut(console.out());
      line.setErr(err);
      return execute(line, args);
    } catch (PlatformText.Unreadable e) {
      err.println(program + ": " + e.getMessage());
      return CommandLine.ExitCode.USAGE;
    } catch (Error e) {
      // Linkage errors, failed class initialisers and exhausted memory are reported to the user,
      // too.
      err.printf("%s: %s%n", (program + " " + command).strip(), ErrorLine.of(e));
      if (Arrays.asList(args).contains("--stacktrace")) {
        e.printStackTrace(err);
      }
      return CommandLine.ExitCode.SOFTWARE;
    }
  }

  private static int execute(CommandLine line, String... args) {
    try {
      return line.execute(CommandWords.of(line, args));
    } catch (ParameterException e) {
      return UsageError.tell(e, args);
    }
  }

  /** The root with all its subcommands. */
  static CommandLine commandLine() {
    CommandLine root = new CommandLine(new Main());
    Commands.addTo(root);
    return configured(root);
  }

  /**
   * The parser of a program that has these commands alone, as {@link #run(String, List, String...)}
   * makes it.
   */
  public static CommandLine commandLine(List<Class<? extends SluiceCommand>> commands) {
    CommandLine root = new CommandLine(new Main());
    addTo(root, commands);
    return configured(root);
  }

  private static void addTo(CommandLine root, List<Class<? extends SluiceCommand>> commands) {
    commands.forEach(each -> root.addSubcommand(new CommandLine(each)));
  }

  private static CommandLine configured(CommandLine root) {
    HelpPage.showFor(root, Terminal.pageColumns());
    root.setCaseInsensitiveEnumValuesAllowed(true);
    // CommandWords reads files of options; picocli would take a prompt with @ for one, too.
    root.setExpandAtFiles(false);
    Values.readBy(root);
    // Ansi.AUTO would ask System.console(), which loads a line editor.
    root.setColorScheme(
        CommandLine.Help.defaultColorScheme(Terminal.showsColours() ? Ansi.ON : Ansi.OFF));
    root.setExecutionStrategy(Main::executeParsed);
    root.setParameterExceptionHandler(UsageError::tell);
    root.setExecutionExceptionHandler(Main::failure);
    return root;
  }

  private static int executeParsed(ParseResult parsed) {
    UsageError.refuseUnknownCommands(parsed);
    if (parsed.commandSpec().commandLine().getOut() instanceof ConsolePrinter printer) {
      // Help is the program's own text and may have colours.
      AtomicReference<Integer> help = new AtomicReference<>();
      printer.own(() -> help.set(CommandLine.executeHelpRequest(parsed)));
      if (help.get() != null) {
        return help.get();
      }
    }
    return new RunLast().execute(parsed);
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "no command given");
  }

  private static int failure(Exception e, CommandLine at, CommandLine.ParseResult result) {
    if (e instanceof StoppedException) {
      // The command has printed how to continue, and the process is ending already.
      return STOPPED;
    }
    at.getErr().printf("%s: %s%n", at.getCommandSpec().qualifiedName(), ErrorLine.of(e));
    if (at.getCommand() instanceof SluiceCommand command && command.stacktrace()) {
      e.printStackTrace(at.getErr());
    }
    return CommandLine.ExitCode.SOFTWARE;
  }
}
