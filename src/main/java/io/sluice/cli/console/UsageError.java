package io.sluice.cli.console;

import io.sluice.files.Quoted;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * Prints one line about a command line that cannot be parsed, and suggests a similar word if there
 * is one.
 */
public final class UsageError {
  private UsageError() {}

  /** Prints the line and returns the exit status. */
  public static int tell(ParameterException e, String[] args) {
    CommandLine at = e.getCommandLine();
    String name = at.getCommandSpec().qualifiedName();
    at.getErr().printf("%s: %s; see '%s --help'%n", name, text(e, at), name);
    return CommandLine.ExitCode.USAGE;
  }

  /**
   * Refuses unknown commands before {@code --help}, too. Picocli would show the help of the command
   * before them.
   */
  public static void refuseUnknownCommands(ParseResult parsed) {
    for (ParseResult at = parsed; at != null; at = at.subcommand()) {
      if (!at.unmatched().isEmpty() && !isOption(at.unmatched().getFirst())) {
        throw new UnmatchedArgumentException(at.commandSpec().commandLine(), at.unmatched());
      }
    }
  }

  private static String text(ParameterException e, CommandLine at) {
    // A missing option has usually been misspelt.
    boolean unknown =
        e instanceof UnmatchedArgumentException
            || e instanceof MissingParameterException && !at.getUnmatchedArguments().isEmpty();
    if (unknown) {
      List<String> words =
          e instanceof UnmatchedArgumentException unmatched
              ? unmatched.getUnmatched()
              : at.getUnmatchedArguments();
      return unknown(words, at);
    }
    String text = ErrorLine.text(e.getMessage());
    // Picocli's own messages start with a capital letter; this one follows a colon.
    return text.length() > 1 && Character.isLowerCase(text.charAt(1))
        ? Character.toLowerCase(text.charAt(0)) + text.substring(1)
        : text;
  }

  private static String unknown(List<String> words, CommandLine at) {
    Collection<String> commands = at.getSubcommands().keySet();
    // After an unknown command its options are unknown too, so the command is named. After an
    // unknown option its value is unknown too, so the option is named.
    String word =
        words.stream()
            .filter(each -> commands.isEmpty() && isOption(each))
            .findFirst()
            .orElse(words.getFirst());
    if (isOption(word)) {
      String option = word.contains("=") ? word.substring(0, word.indexOf('=')) : word;
      List<String> known = new ArrayList<>();
      for (OptionSpec each : at.getCommandSpec().options()) {
        known.addAll(List.of(each.names()));
      }
      return "unknown option " + Quoted.of(option) + meant(option, known);
    }
    if (commands.isEmpty()) {
      return "unexpected word " + Quoted.of(word) + "; each value needs its option";
    }
    return "unknown command "
        + Quoted.of(word)
        + meant(word, commands)
        + "; there are "
        + String.join(", ", commands);
  }

  private static boolean isOption(String word) {
    return word.length() > 1 && word.startsWith("-");
  }

  private static String meant(String word, Collection<String> known) {
    return Spelling.nearest(word, known).map(right -> " (did you mean " + right + "?)").orElse("");
  }
}
