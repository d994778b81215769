package io.sluice.cli.options;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.store.HeldOut;
import java.util.Locale;
import picocli.CommandLine.Option;

/** The option {@code --held-out}: the share of the tokens that a training holds out. */
@Grouped(OptionGroup.DATA)
public final class HeldOutOption {
  @Option(
      names = "--held-out",
      paramLabel = "SHARE",
      defaultValue = "" + HeldOut.USUAL_SHARE,
      description =
          "Hold out this share of the tokens, in whole contexts and at least 1,000 tokens. "
              + "They are never trained on, and measured at the end. 0 holds out none (default: "
              + "${DEFAULT-VALUE}).")
  private double share;

  /** Rejects invalid values before any work. */
  public void check(SluiceCommand command) {
    if (!(share >= 0 && share <= HeldOut.LARGEST_SHARE)) {
      throw command.usage(
          String.format(
              Locale.ROOT,
              "--held-out must be from 0 to %s, not %s",
              HeldOut.LARGEST_SHARE,
              share));
    }
  }

  /** The share. */
  public double share() {
    return share;
  }
}
