package io.sluice.cli.options;

import io.sluice.cli.console.SluiceCommand;
import io.sluice.cli.help.Grouped;
import io.sluice.cli.help.OptionGroup;
import io.sluice.cli.help.OptionSpelling;
import io.sluice.dictionary.DictionaryConfig;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.ActivationFunctions;
import io.sluice.engine.activation.CustomActivation;
import io.sluice.engine.activation.Pursuit;
import io.sluice.training.config.PenaltyConfig;
import io.sluice.training.config.PenaltyKind;
import io.sluice.training.config.TrainingConfigBuilder;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import picocli.CommandLine.Option;

/** Options for the activation function, k, penalties and prefixes. */
@Grouped(OptionGroup.SPARSITY)
public final class SparsityOptions {
  @Option(
      names = "--k",
      paramLabel = "N",
      defaultValue = "32",
      description = "Keep the N largest features of a token (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private int k;

  @Option(
      names = "--activation",
      paramLabel = "NAME",
      defaultValue = "topk",
      description = "Choose which features stay; see below (default: ${DEFAULT-VALUE}).")
  @Grouped(OptionGroup.ESSENTIAL)
  private String activation;

  @Option(
      names = "--penalty",
      paramLabel = "WEIGHT",
      defaultValue = "0",
      description =
          "With relu, jumprelu and gated, add this weight times the penalty to a token's "
              + "squared error. The penalty is the sum over the token's features.")
  private double penalty;

  @Option(
      names = "--penalty-kind",
      paramLabel = "l1|tanh|power|l0",
      description =
          "Use this penalty on each code; see below (default: l0 with jumprelu, else l1).")
  private String penaltyKind;

  @Option(
      names = "--penalty-steps",
      paramLabel = "N",
      defaultValue = "0",
      description = "Raise the penalty to its weight over the first N steps (default: 0).")
  private long penaltySteps;

  @Option(
      names = "--tanh-scale",
      paramLabel = "S",
      defaultValue = "1",
      description = "Set S of the tanh penalty (default: ${DEFAULT-VALUE}).")
  private double tanhScale;

  @Option(
      names = "--p-end",
      paramLabel = "P",
      defaultValue = "0.2",
      description = "With the power penalty, lower p to this value (default: ${DEFAULT-VALUE}).")
  private double lastExponent;

  @Option(
      names = "--p-from",
      paramLabel = "STEP",
      description = "Let p begin to fall from 1 at this step (default: after a fifth of the run).")
  private Long exponentFrom;

  @Option(
      names = "--p-to",
      paramLabel = "STEP",
      description = "Let p reach --p-end at this step (default: at nine tenths of the run).")
  private Long exponentTo;

  @Option(
      names = "--p-stages",
      paramLabel = "N",
      defaultValue = "10",
      description =
          "Lower p in N stages. Each stage sets the weight so that the penalty stays what it "
              + "was (default: ${DEFAULT-VALUE}).")
  private int exponentStages;

  @Option(
      names = "--bandwidth",
      paramLabel = "E",
      defaultValue = "0.05",
      description =
          "With jumprelu, let values in a window of this width around a threshold move the "
              + "threshold (default: ${DEFAULT-VALUE}).")
  private double bandwidth;

  @Option(
      names = "--threshold",
      paramLabel = "T",
      defaultValue = "0",
      description =
          "With jumprelu and gated, start thresholds and gates here (default: where --k "
              + "features of a token fire on a sample).")
  private double threshold;

  @Option(
      names = "--residual",
      paramLabel = "R",
      defaultValue = "0",
      description =
          "With matching_pursuit, stop where the residual is shorter than this. A normalised "
              + "token has length sqrt(d) (default: no limit).")
  private double residual;

  @Option(
      names = "--k-start",
      paramLabel = "N",
      description = "Keep N features at the first step, and --k after --k-steps.")
  private Integer firstK;

  @Option(
      names = "--k-steps",
      paramLabel = "N",
      defaultValue = "0",
      description = "Go from --k-start to --k over N steps.")
  private long kSteps;

  @Option(
      names = "--prefixes",
      paramLabel = "N",
      split = ",",
      description =
          "With topk, abstopk and batchtopk, train the first N features as a dictionary of "
              + "their own, too (Matryoshka). The loss is the mean over these dictionaries and the whole.")
  private List<Integer> prefixes = List.of();

  /**
   * Takes what is not given from a dictionary that training goes on from.
   *
   * @throws picocli.CommandLine.ParameterException if a setting of it has to be given
   */
  public void goOnFrom(DictionaryConfig dictionary, SluiceCommand command) {
    ActivationFunction function = dictionary.activation();
    if (!command.given("--activation")) {
      activation = function.label();
      if (function instanceof CustomActivation
          && !ActivationFunctions.named(activation).withK(function.k()).equals(function)) {
        throw command.usage(
            "--from: the settings of the activation function %s cannot be taken over; name another"
                .formatted(activation));
      }
      if (function instanceof Pursuit pursuit
          && pursuit.residual() > 0
          && !command.given("--residual")) {
        throw command.usage(
            "--from: the dictionary ends at residuals shorter than %s in raw activations; give --residual in the units of training"
                .formatted(pursuit.residual()));
      }
    }
    if (!command.given("--k")) {
      k = function.k() > 0 ? function.k() : Math.min(k, dictionary.features());
    }
    if (!command.given("--prefixes")) {
      prefixes = dictionary.prefixes();
    }
  }

  /**
   * Puts the options into a configuration.
   *
   * @param steps steps of the run
   * @throws IllegalArgumentException if they do not go together
   */
  public void apply(TrainingConfigBuilder config, long steps) {
    ActivationFunction function =
        ActivationFunctions.named(OptionSpelling.value(activation, ActivationFunctions.labels()));
    config.prefixes(prefixes).residual(residual);
    config
        .k(k)
        .bandwidth(bandwidth)
        .threshold(threshold)
        .activation(function.label(), penalty(function, steps));
    if (firstK != null || kSteps > 0) {
      if (firstK == null || kSteps < 1) {
        throw new IllegalArgumentException("--k-start and --k-steps go together");
      }
      config.annealKFrom(firstK, kSteps);
    }
  }

  private PenaltyConfig penalty(ActivationFunction function, long steps) {
    PenaltyKind charged =
        penaltyKind != null
            ? PenaltyKind.ofLabel(
                OptionSpelling.value(penaltyKind, labels(PenaltyKind.values(), PenaltyKind::label)))
            : PenaltyKind.usual(function);
    PenaltyConfig config = PenaltyConfig.of(charged, penalty, penaltySteps).withScale(tanhScale);
    return charged != PenaltyKind.POWER
        ? config
        : config.annealing(
            lastExponent,
            exponentFrom != null ? exponentFrom : steps / 5,
            exponentTo != null ? exponentTo : steps * 9 / 10,
            exponentStages);
  }

  private static <T> List<String> labels(T[] values, Function<T, String> label) {
    return Stream.of(values).map(label).toList();
  }
}
