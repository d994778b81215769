package io.sluice.cli.options.texts;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.model.loading.LoadedModel;
import io.sluice.store.TokenExclusion;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Collectors;
import picocli.CommandLine.Option;

/** Which tokens are left out of statistics, training and evaluation. */
@Grouped(OptionGroup.DATA)
public final class ExclusionOptions {
  @Option(
      names = "--exclude-ids",
      paramLabel = "ID[,ID...]",
      split = ",",
      description =
          "Leave tokens with these ids out of statistics, training and evaluation, as SAELens's "
              + "exclude_special_tokens. The model sees them. A store keeps this rule with their "
              + "rows, and whatever reads it applies the rule.")
  private int[] ids;

  @Option(
      names = "--max-norm-multiple",
      paramLabel = "FACTOR",
      description =
          "Leave a token out at a hook point where its norm is more than FACTOR times the median "
              + "norm, 10 for instance, as attention sinks and other outliers are. A store keeps "
              + "this rule, too.")
  private Double multiple;

  /** Rejects invalid values before any work. */
  public void check(SluiceCommand command) {
    if (ids != null && Arrays.stream(ids).anyMatch(id -> id < 0)) {
      throw command.usage("--exclude-ids has a negative id; ids of tokens are 0 and above");
    }
    if (multiple != null && !(multiple > 1 && multiple < Double.POSITIVE_INFINITY)) {
      throw command.usage(
          "--max-norm-multiple is " + multiple + "; give a number above 1, 10 for instance");
    }
  }

  /** Whether a rule is given. */
  public boolean areGiven() {
    return ids != null || multiple != null;
  }

  /** Whether tokens are left out by their norms. */
  public boolean limitNorms() {
    return multiple != null;
  }

  /**
   * The rule, for tokens of a model.
   *
   * @throws IllegalArgumentException if the model has no token of some id
   */
  public TokenExclusion of(LoadedModel model) {
    Set<Integer> set =
        ids == null ? Set.of() : Arrays.stream(ids).boxed().collect(Collectors.toSet());
    int vocabulary = model.transformer().shape().vocabulary();
    for (int id : set) {
      if (id >= vocabulary) {
        throw new IllegalArgumentException(
            "--exclude-ids has " + id + ", but " + model.name() + " has " + vocabulary + " tokens");
      }
    }
    return new TokenExclusion(set, multiple == null ? Double.POSITIVE_INFINITY : multiple);
  }
}
