package io.sluice.cli.sweep;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.help.OptionSpelling;
import io.sluice.cli.options.HeldOutOption;
import io.sluice.cli.options.StepOptions;
import io.sluice.cli.options.TauOption;
import io.sluice.training.sweep.Axis;
import io.sluice.training.sweep.Grid;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options for what a sweep trains. */
@Grouped(OptionGroup.ESSENTIAL)
public final class GridOptions {
  @Option(
      names = "--hook",
      paramLabel = "NAME",
      description =
          "Train on this hook point, such as layers.3.attn_out. Give it again to train all "
              + "dictionaries on another, too.")
  private List<String> hooks = List.of();

  @Option(
      names = "--vary",
      paramLabel = "AXIS=VALUE[,VALUE...]",
      description =
          "Vary an axis over these values, such as init=random,asi; give it once for each axis.")
  private List<String> vary = List.of();

  @Mixin private StepOptions steps;

  @Mixin private TauOption tau;

  @Mixin private HeldOutOption heldOut;

  /**
   * Rejects invalid values before any work.
   *
   * @param streams whether a model runs, of whose texts {@code --tokens} is a part
   */
  public void check(SluiceCommand command, boolean streams) {
    steps.check(command, streams);
    heldOut.check(command);
  }

  /** Tokens of text to read; null for all. The number of steps does not follow from it. */
  public Long takeTextTokens() {
    return steps.takeTextTokens();
  }

  StepOptions steps() {
    return steps;
  }

  double tau() {
    return tau.share();
  }

  double heldOut() {
    return heldOut.share();
  }

  /** Whether there is something to compare. */
  public boolean areGiven() {
    return !hooks.isEmpty() && (!vary.isEmpty() || hooks.size() > 1);
  }

  /** The hook points as they were given. */
  List<String> hooks(SluiceCommand command) {
    for (String hook : hooks) {
      if (hook.isBlank() || hook.contains(",") || hook.contains("*")) {
        throw command.usage(
            "--hook is '"
                + hook
                + "'; the dictionaries of a sweep read one hook point each: give --hook once for"
                + " each");
      }
    }
    return hooks;
  }

  /**
   * The grid without hook points.
   *
   * @throws IllegalArgumentException if it is none
   */
  Grid grid(SluiceCommand command) {
    return Grid.parse(vary.stream().map(axis -> spelled(axis, command)).toList());
  }

  /** An axis and its values, by Sluice's own names. */
  private static String spelled(String axis, SluiceCommand command) {
    int end = axis.indexOf('=');
    if (end < 0) {
      return axis;
    }
    List<String> axes = Stream.of(Axis.values()).map(Axis::label).toList();
    String label =
        OptionSpelling.name(axis.substring(0, end), axes::contains).orElse(axis.substring(0, end));
    if (label.equals(Axis.HOOK.label())) {
      throw command.usage("--vary " + axis + ": give --hook once for each hook point instead");
    }
    List<String> words = axes.contains(label) ? Axis.ofLabel(label).words() : List.of();
    return Stream.of(axis.substring(end + 1).split(",", -1))
        .map(value -> OptionSpelling.value(value, words))
        .collect(Collectors.joining(",", label + "=", ""));
  }
}
