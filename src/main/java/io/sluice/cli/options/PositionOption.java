package io.sluice.cli.options;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.ActivationStore;
import io.sluice.store.RowFilter;
import java.util.OptionalInt;
import picocli.CommandLine.Option;

/** The option {@code --from-position}: the first position of each context that is used. */
@Grouped(OptionGroup.DATA)
public final class PositionOption {
  @Option(
      names = "--from-position",
      paramLabel = "N",
      description =
          "Leave out the first N positions of each context (default: 1 for causal models, "
              + "whose first token is an attention sink with activations of another scale; 0 for "
              + "encoders).")
  private Integer first;

  /** Rejects invalid values before any work. */
  public void check(SluiceCommand command) {
    if (first != null && first < 0) {
      throw command.usage("--from-position must not be negative, as " + first + " is");
    }
  }

  /** The value that was given, if any. */
  public OptionalInt asked() {
    return first == null ? OptionalInt.empty() : OptionalInt.of(first);
  }

  /** The first position that is used in the contexts of a store. */
  public int of(ActivationStore store) {
    return first == null ? store.firstPosition() : first;
  }

  /** The first position that is used in contexts that a model runs. */
  public int of(LoadedModel model) {
    return first == null ? model.firstPosition() : first;
  }

  /** The rows of a store that are used. */
  public RowFilter rows(ActivationStore store) {
    return RowFilter.fromPosition(of(store));
  }
}
