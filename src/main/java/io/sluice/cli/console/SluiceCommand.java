package io.sluice.cli.console;

import io.sluice.cli.Commands;
import io.sluice.cli.help.Examples;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.HelpPage;
import io.sluice.cli.help.OptionGroup;
import io.sluice.training.run.StoppedException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * What every subcommand shares: {@code --help}, {@code --seed}, {@code --stacktrace}, where output
 * goes, and how errors are printed.
 *
 * <p>A subcommand is one class {@code XyzCommand}, annotated with {@code @Command(name = "xyz",
 * description = …)} and {@link Examples}, and named in {@link Commands}. It parses options, calls
 * the library and prints; it computes nothing. Each of its options names a heading of its help
 * ({@link Grouped}) and has a description of whole sentences without line breaks; {@link HelpPage}
 * shows them.
 */
@Command(mixinStandardHelpOptions = false)
@Grouped(OptionGroup.GENERAL)
public abstract class SluiceCommand implements Callable<Integer> {
  /** Options that {@code --resume} always allows: they do not change what is computed. */
  private static final Set<String> ALWAYS_ALLOWED =
      Set.of("--resume", "--out", "--json", "--stacktrace", "--help", "--no-verify", "--threads");

  @Spec private CommandSpec spec;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "0",
      description =
          "Set the seed for all random numbers; the same seed gives the same result (default: "
              + "${DEFAULT-VALUE}).")
  private long seed;

  @Option(names = "--stacktrace", description = "Show the stack trace of a failure.")
  private boolean stacktrace;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help and exit.")
  private boolean help;

  /**
   * Does the work. Whatever it throws ends in one line on standard error and exit status 1; {@link
   * #usage} ends in exit status 2.
   */
  protected abstract void run() throws Exception;

  @Override
  public final Integer call() throws Exception {
    run();
    out().flush();
    return status();
  }

  /** The exit status after {@link #run} has returned. */
  public int status() {
    return 0;
  }

  /** Whether other processes open the model and read the texts. */
  public boolean runsOnCluster() {
    return false;
  }

  /** The seed that the user gave, 0 by default. */
  public final long seed() {
    return seed;
  }

  /** Whether the user wants the stack trace of a failure. */
  public final boolean stacktrace() {
    return stacktrace;
  }

  /** Standard output: results. */
  public final PrintWriter out() {
    return spec.commandLine().getOut();
  }

  /** Standard error: progress and remarks. */
  public final PrintWriter err() {
    return spec.commandLine().getErr();
  }

  /**
   * An error of usage to throw: one line, exit status 2.
   *
   * @param message names the option, what is wrong with it, and what to give instead
   */
  public final ParameterException usage(String message) {
    return new ParameterException(spec.commandLine(), message);
  }

  /** Refuses a number below 1; null is an option that was not given. */
  public final void requirePositive(String option, Number value) {
    if (value != null && value.longValue() < 1) {
      throw usage(option + " is " + value + "; give a number of at least 1");
    }
  }

  /** Whether the command line has this option, as opposed to its default. */
  public final boolean given(String option) {
    return spec.commandLine().getParseResult().hasMatchedOption(option);
  }

  /**
   * The value of an option as an address on another file system, such as {@code
   * s3a://bucket/store}; empty if it is a path of this machine or was not given.
   *
   * @param option its name
   */
  public final Optional<String> address(String option) {
    OptionSpec given = spec.commandLine().getParseResult().matchedOption(option);
    return given == null ? Optional.empty() : Address.of(given);
  }

  /**
   * The options that were given, as words for a process that may run in another folder: paths of
   * what is there are absolute.
   */
  public final List<String> words() {
    return spec.commandLine().getParseResult().matchedOptions().stream()
        .flatMap(option -> words(option).stream())
        .toList();
  }

  private static List<String> words(OptionSpec option) {
    String name = option.longestName();
    if (option.arity().max() == 0) {
      boolean negated = Boolean.FALSE.equals(option.getValue());
      return List.of(negated ? name.replaceFirst("^--", "--no-") : name);
    }
    List<?> values =
        option.getValue() instanceof Path path
            ? List.of(Address.of(option).<Object>map(address -> address).orElse(path))
            : option.getValue() instanceof List<?> several
                ? several
                : option.originalStringValues();
    return values.stream()
        .map(
            value ->
                value instanceof Path path && Files.exists(path) ? path.toAbsolutePath() : value)
        .map(value -> name + "=" + value)
        .toList();
  }

  /**
   * Rejects options that a run's own settings would override.
   *
   * @param taken the options that {@code --resume} allows
   */
  public final void requireOwnSettings(Set<String> taken) {
    List<String> overridden =
        spec.commandLine().getParseResult().matchedOptions().stream()
            .map(OptionSpec::longestName)
            .filter(name -> !ALWAYS_ALLOWED.contains(name) && !taken.contains(name))
            .toList();
    if (!overridden.isEmpty()) {
      throw usage(
          "--resume continues with the run's own settings; leave out "
              + String.join(", ", overridden));
    }
  }

  /**
   * Prints after a signal that the work was saved, and how to continue it.
   *
   * @param stopped where it was
   * @param command the words after the program's name that continue it
   */
  public final void printHowToContinue(StoppedException stopped, String command) {
    err()
        .println(
            spec.qualifiedName()
                + ": "
                + stopped.getMessage()
                + "; continue with '"
                + spec.root().name()
                + " "
                + command
                + "'");
    err().flush();
  }

  /**
   * Starts a progress display on standard error; close it when the work is done.
   *
   * @param label what is being done, for instance {@code capture}
   * @param total how many units there are in all; 0 where that is unknown
   * @param unit the unit's plural, for instance {@code tokens}
   */
  public final Progress progress(String label, long total, String unit) {
    return Progress.start(err(), label, total, unit);
  }
}
