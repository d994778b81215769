package io.sluice.cli.options;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.store.HeldOut;
import java.util.Locale;
import picocli.CommandLine.Option;

/** How much of the store a training keeps apart to be measured on. */
public final class HeldOutOption {
  @Option(
      names = "--held-out",
      paramLabel = "SHARE",
      defaultValue = "" + HeldOut.USUAL_SHARE,
      description =
          "Share of the tokens to hold out, in whole contexts: never trained on, and "
              + "measured at the end; at least 1,000 tokens; 0 for none (default: "
              + "${DEFAULT-VALUE}).")
  private double share;

  /** Complains about values that cannot be meant, before any work. */
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
