package io.sluice.cli.options;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.hub.HubFiles;
import io.sluice.training.config.FromDictionary;
import io.sluice.training.start.SavedDictionary;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalDouble;
import picocli.CommandLine.Option;

/** The option for a dictionary that training goes on from. */
public final class FromOption {
  /** What the dictionary itself says. */
  private static final List<String> ITS_OWN =
      List.of("--features", "--init", "--d-init", "--norm-search", "--encoder-start", "--skip");

  @Option(
      names = "--from",
      paramLabel = "DIR",
      description =
          "Train the dictionary in this folder or file, or of this name on the HuggingFace hub, "
              + "further. It may be in any format that is read. Its hook points, --activation, --k, "
              + "--prefixes, --centre and --rank-by-decoder-norm are the defaults.")
  @Grouped(OptionGroup.START)
  private Path from;

  private OptionalDouble scale = OptionalDouble.empty();

  /** Whether training goes on from a dictionary. */
  public boolean isGiven() {
    return from != null;
  }

  /**
   * Opens the dictionary.
   *
   * @throws IOException if there is none, or it is damaged, or cannot be trained
   */
  public SavedDictionary open(SluiceCommand command) throws IOException {
    for (String option : ITS_OWN) {
      if (command.given(option)) {
        throw command.usage(
            "--from starts with the parameters of a dictionary; leave out " + option);
      }
    }
    HubFiles.Named named = HubFiles.named(command, from, null);
    scale = named.origin().activationScale();
    return SavedDictionary.open(named.place(), scale);
  }

  /** The start of a run that goes on from the dictionary that was opened. */
  public FromDictionary start(SavedDictionary opened) throws IOException {
    return opened.start(scale);
  }
}
