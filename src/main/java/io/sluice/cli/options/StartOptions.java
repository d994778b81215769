package io.sluice.cli.options;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.help.OptionSpelling;
import io.sluice.training.config.InitialDirections;
import java.util.List;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options for the initial parameters. */
@Grouped(OptionGroup.START)
public final class StartOptions {
  private static final String RANDOM = "random";
  private static final String ASI = "asi";

  @Option(
      names = "--init",
      paramLabel = "random|asi",
      defaultValue = ASI,
      description = "Start at random or in the active subspace (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private String init;

  @Option(
      names = "--d-init",
      paramLabel = "N",
      defaultValue = "0",
      description =
          "Set the dimensions of the active subspace (default: as many as hold --tau of the "
              + "variance).")
  private int dimensions;

  @Mixin private TauOption tau;

  @Option(
      names = "--normalise",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description = "Scale activations to a mean norm of sqrt(d) for training (default: yes).")
  private boolean normalise;

  /**
   * The start.
   *
   * @throws picocli.CommandLine.ParameterException if there is none of that name
   */
  public InitialDirections of(SluiceCommand command) {
    return switch (label()) {
      case RANDOM -> new InitialDirections.Random();
      case ASI -> new InitialDirections.ActiveSubspace(dimensions, tau.share());
      default -> throw command.usage("--init is random or asi, not '" + init + "'");
    };
  }

  /** Its name. */
  public String label() {
    return OptionSpelling.value(init, List.of(RANDOM, ASI));
  }

  /** The share of the variance that the active subspace holds. */
  public double tau() {
    return tau.share();
  }

  /** Whether activations are scaled. */
  public boolean normalise() {
    return normalise;
  }
}
