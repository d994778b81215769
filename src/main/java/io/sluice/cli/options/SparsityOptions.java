package io.sluice.cli.options;

import io.sluice.training.config.PenaltyConfig;
import io.sluice.training.config.PenaltyKind;
import io.sluice.training.config.Sparsity;
import io.sluice.training.config.TrainingConfigBuilder;
import java.util.List;
import picocli.CommandLine.Option;

/** What keeps codes sparse while a dictionary learns. */
public final class SparsityOptions {
  @Option(
      names = "--activation",
      paramLabel = "NAME",
      defaultValue = "topk",
      description =
          "Which features of a token stay. topk: the --k largest; abstopk: the --k "
              + "furthest from 0, with their signs; batchtopk: --k a token on average over a "
              + "batch, afterwards those above a threshold found in training; relu: all that "
              + "are positive; jumprelu: those above a threshold of their own; gated: those "
              + "whose gate is open (these three need --penalty); matching_pursuit: at most "
              + "--k, picked one after the other (default: topk).")
  private String activation;

  @Option(
      names = "--penalty",
      paramLabel = "WEIGHT",
      defaultValue = "0",
      description =
          "With relu, jumprelu and gated: weight of the penalty, summed over the "
              + "features of a token, against the token's squared error.")
  private double penalty;

  @Option(
      names = "--penalty-kind",
      paramLabel = "l1|tanh|power|l0",
      description =
          "What a code costs, with u = activation times decoder norm. l1: u; tanh: "
              + "tanh(S·u); power: u to the power p, which falls from 1 (p-annealing); l0: 1, "
              + "for jumprelu only (default: l0 with jumprelu, else l1).")
  private String penaltyKind;

  @Option(
      names = "--penalty-steps",
      paramLabel = "N",
      defaultValue = "0",
      description = "Steps over which the penalty rises to its weight (default: 0).")
  private long penaltySteps;

  @Option(
      names = "--tanh-scale",
      paramLabel = "S",
      defaultValue = "1",
      description = "S of --penalty-kind tanh (default: ${DEFAULT-VALUE}).")
  private double tanhScale;

  @Option(
      names = "--p-end",
      paramLabel = "P",
      defaultValue = "0.2",
      description = "With --penalty-kind power: the last p (default: ${DEFAULT-VALUE}).")
  private double lastExponent;

  @Option(
      names = "--p-from",
      paramLabel = "STEP",
      description = "Step at which p begins to fall from 1 (default: after a fifth of the run).")
  private Long exponentFrom;

  @Option(
      names = "--p-to",
      paramLabel = "STEP",
      description = "Step at which p has reached --p-end (default: at nine tenths of the run).")
  private Long exponentTo;

  @Option(
      names = "--p-stages",
      paramLabel = "N",
      defaultValue = "10",
      description =
          "Number of stages in which p falls; at each the weight is set so that the "
              + "penalty stays what it was (default: ${DEFAULT-VALUE}).")
  private int exponentStages;

  @Option(
      names = "--bandwidth",
      paramLabel = "E",
      defaultValue = "0.05",
      description =
          "With jumprelu: width of the window around a threshold; values inside it move "
              + "the threshold (default: ${DEFAULT-VALUE}).")
  private double bandwidth;

  @Option(
      names = "--threshold",
      paramLabel = "T",
      defaultValue = "0",
      description =
          "With jumprelu and gated: where thresholds and gates start (default: where --k "
              + "features of a token fire on a sample).")
  private double threshold;

  @Option(
      names = "--residual",
      paramLabel = "R",
      defaultValue = "0",
      description =
          "With matching_pursuit: stop where the residual is shorter than this; a "
              + "normalised token has length sqrt(d) (default: no such limit).")
  private double residual;

  @Option(
      names = "--k",
      paramLabel = "N",
      defaultValue = "32",
      description =
          "Features per token; with jumprelu and gated, how many fire at the start "
              + "(default: ${DEFAULT-VALUE}).")
  private int k;

  @Option(
      names = "--k-start",
      paramLabel = "N",
      description = "k at the first step; it goes to --k over --k-steps.")
  private Integer firstK;

  @Option(
      names = "--k-steps",
      paramLabel = "N",
      defaultValue = "0",
      description = "Steps from --k-start to --k.")
  private long kSteps;

  @Option(
      names = "--prefixes",
      paramLabel = "N",
      split = ",",
      description =
          "With topk, abstopk and batchtopk: nested dictionaries of the first N "
              + "features (Matryoshka); the loss is the mean over them and the whole.")
  private List<Integer> prefixes = List.of();

  /**
   * Puts the options into a configuration.
   *
   * @param steps steps of the run
   * @throws IllegalArgumentException if they do not go together
   */
  public void apply(TrainingConfigBuilder config, long steps) {
    Sparsity kind = Sparsity.ofLabel(activation);
    config.prefixes(prefixes).residual(residual);
    config.k(k).bandwidth(bandwidth).threshold(threshold).sparsity(kind, penalty(kind, steps));
    if (firstK != null || kSteps > 0) {
      if (firstK == null || kSteps < 1) {
        throw new IllegalArgumentException("--k-start and --k-steps go together");
      }
      config.annealKFrom(firstK, kSteps);
    }
  }

  private PenaltyConfig penalty(Sparsity kind, long steps) {
    PenaltyKind charged =
        penaltyKind != null
            ? PenaltyKind.ofLabel(penaltyKind)
            : kind == Sparsity.JUMPRELU ? PenaltyKind.L0 : PenaltyKind.L1;
    PenaltyConfig config = PenaltyConfig.of(charged, penalty, penaltySteps).withScale(tanhScale);
    return charged != PenaltyKind.POWER
        ? config
        : config.annealing(
            lastExponent,
            exponentFrom != null ? exponentFrom : steps / 5,
            exponentTo != null ? exponentTo : steps * 9 / 10,
            exponentStages);
  }
}
