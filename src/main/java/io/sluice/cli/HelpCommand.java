package io.sluice.cli;

import io.sluice.cli.console.ConsolePrinter;
import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Examples;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.UnmatchedArgumentException;

/** {@code sluice help}: shows the help of a command, like {@code --help}. */
@Command(
    name = "help",
    customSynopsis = "sluice help [COMMAND...]",
    description = "Show the help of a command.")
@Examples({"sluice help train", "sluice help lorsa train"})
final class HelpCommand extends SluiceCommand {
  @Parameters(
      paramLabel = "COMMAND",
      arity = "0..*",
      description =
          "Show the help of this command, such as train or lorsa train (default: sluice).")
  private List<String> words = List.of();

  @Override
  protected void run() {
    CommandLine shown = Main.commandLine();
    shown.setErr(err());
    for (String word : words) {
      CommandLine next = shown.getSubcommands().get(word);
      if (next == null) {
        throw new UnmatchedArgumentException(shown, List.of(word));
      }
      shown = next;
    }
    ConsolePrinter.printOwn(out(), shown.getUsageMessage());
  }
}
