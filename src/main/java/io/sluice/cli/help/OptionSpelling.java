package io.sluice.cli.help;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Predicate;
import picocli.CommandLine.Model.OptionSpec;

/**
 * Other spellings of options and their values: American ones, and the words of SAELens, sparsify,
 * Llamascopium and dictionary_learning. Underscores in a name may stand for hyphens.
 *
 * <p>A name is accepted only if it means the same in the same unit. SAELens's {@code
 * dead_feature_window} counts steps where Sluice counts tokens, and sparsify's {@code batch_size}
 * counts sequences: they are left out.
 */
public final class OptionSpelling {
  /** For each spelling the names that it may replace; the first that a command has is meant. */
  private static final Map<String, List<String>> MEANT =
      Map.ofEntries(
          meant("optimizer", "optimiser"),
          meant("center", "centre"),
          meant("normalize", "normalise"),
          meant("centering", "centring", "centre"),
          meant("d-sae", "features"),
          meant("num-latents", "features"),
          meant("dict-size", "features"),
          meant("architecture", "activation"),
          meant("act-fn", "activation"),
          meant("top-k", "k"),
          meant("initial-k", "k-start"),
          meant("k-warmup-steps", "k-steps"),
          meant("hookpoints", "hooks", "hook"),
          meant("hook-name", "hook", "hooks"),
          meant("hook-point-in", "hook", "hooks"),
          meant("hook-name-out", "target"),
          meant("hook-point-out", "target"),
          meant("learning-rate", "lr"),
          meant("lr-warm-up-steps", "warmup"),
          meant("lr-warmup-steps", "warmup"),
          meant("lr-decay-steps", "decay"),
          meant("training-tokens", "tokens"),
          meant("context-size", "context"),
          meant("ctx-len", "context"),
          meant("model-name", "model"),
          meant("skip-connection", "skip"),
          meant("jumprelu-bandwidth", "bandwidth"),
          meant("jumprelu-tanh-scale", "tanh-scale"),
          meant("tanh-stretch-coefficient", "tanh-scale"),
          meant("d-active-subspace", "d-init"),
          meant("resample-steps", "resample-every"),
          meant("jumprelu-init-threshold", "threshold"),
          meant("dead-feature-threshold", "dead-window"),
          meant("save-every", "checkpoint-every"),
          meant("run-name", "name"));

  private static final Map<String, String> VALUES = Map.of("standard", "relu");

  private OptionSpelling() {}

  private static Map.Entry<String, List<String>> meant(String spelling, String... names) {
    return Map.entry(spelling, List.of(names));
  }

  /** All spellings of names. */
  public static Collection<String> all() {
    return MEANT.keySet();
  }

  /**
   * The spellings that a command accepts, in alphabetical order, by the names that they replace.
   *
   * @param known whether the command has an option of a name
   */
  static SortedMap<String, List<String>> of(Predicate<String> known) {
    SortedMap<String, List<String>> spellings = new TreeMap<>();
    MEANT.keySet().stream()
        .sorted()
        .filter(known.negate())
        .forEach(
            spelling ->
                name(spelling, known)
                    .ifPresent(
                        name ->
                            spellings
                                .computeIfAbsent(name, each -> new ArrayList<>())
                                .add(spelling)));
    return spellings;
  }

  /**
   * The name that {@code spelling} stands for, if it is not itself known.
   *
   * @param spelling without hyphens before it
   * @param known whether a name is one
   */
  public static Optional<String> name(String spelling, Predicate<String> known) {
    String hyphened = spelling.replace('_', '-');
    if (known.test(hyphened)) {
      return Optional.of(hyphened);
    }
    return MEANT.getOrDefault(hyphened, List.of()).stream().filter(known).findFirst();
  }

  /**
   * Whether other spellings may stand for an option. None stands for a folder: {@code --d-sae} is
   * how many features a dictionary has, not where those are that were gathered.
   *
   * @param option may be null, for none
   */
  public static boolean mayMean(OptionSpec option) {
    return option != null && !"DIR".equals(option.paramLabel());
  }

  /**
   * The element of {@code known} that differs from {@code value} only in capitals, hyphens or
   * underscores; {@code value} itself where there is none.
   */
  public static String value(String value, Collection<String> known) {
    String letters = letters(value);
    String meant = VALUES.getOrDefault(letters, letters);
    return known.stream().filter(each -> letters(each).equals(meant)).findFirst().orElse(value);
  }

  private static String letters(String word) {
    return word.toLowerCase(Locale.ROOT).replaceAll("[-_]", "");
  }
}
