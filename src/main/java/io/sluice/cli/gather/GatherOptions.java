package io.sluice.cli.gather;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.features.FeatureManifest.Window;
import io.sluice.features.gather.GatherSpec;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options for the contexts that are kept of each feature. */
@Grouped(OptionGroup.DATA)
public final class GatherOptions {
  @Option(
      names = "--top",
      paramLabel = "N",
      defaultValue = "20",
      description =
          "Keep the N contexts with the largest activations of each feature (default: "
              + "${DEFAULT-VALUE}).")
  private int top;

  @Option(
      names = "--lower",
      paramLabel = "N",
      defaultValue = "20",
      description =
          "Keep N more contexts of each feature, evenly spaced by their activation below the "
              + "largest (default: ${DEFAULT-VALUE}).")
  private int lower;

  @Option(
      names = "--before",
      paramLabel = "N",
      defaultValue = "24",
      description =
          "Begin a context N tokens before its feature fires (default: ${DEFAULT-VALUE}).")
  private int before;

  @Option(
      names = "--after",
      paramLabel = "N",
      defaultValue = "8",
      description = "End a context N tokens after its feature fires (default: ${DEFAULT-VALUE}).")
  private int after;

  @Mixin private EncodingBatch batch;

  /** Rejects invalid values before any work. */
  public void check(SluiceCommand command) {
    requireRange(command, "--top", top, 0, GatherSpec.MOST_CONTEXTS);
    requireRange(command, "--lower", lower, 0, GatherSpec.MOST_CONTEXTS);
    requireRange(command, "--before", before, 0, GatherSpec.WIDEST_WINDOW);
    requireRange(command, "--after", after, 0, GatherSpec.WIDEST_WINDOW);
    requireRange(command, "--batch", batch.tokens(), 1, 1 << 20);
  }

  /** The settings of the pass. */
  public GatherSpec spec(int firstPosition, long deadWindow) {
    return new GatherSpec(
        top, lower, new Window(before, after), firstPosition, deadWindow, batch.tokens());
  }

  private static void requireRange(
      SluiceCommand command, String name, int value, int least, int most) {
    if (value < least || value > most) {
      throw command.usage("%s is from %d to %d, not %d".formatted(name, least, most, value));
    }
  }
}
