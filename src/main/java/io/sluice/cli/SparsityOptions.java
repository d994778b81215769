package io.sluice.cli;

import io.sluice.training.PenaltyConfig;
import io.sluice.training.PenaltyKind;
import io.sluice.training.Sparsity;
import io.sluice.training.TrainingConfigBuilder;
import java.util.List;
import picocli.CommandLine.Option;

/** What keeps codes sparse while a dictionary learns. */
final class SparsityOptions {
  @Option(
      names = "--activation",
      paramLabel = "NAME",
      defaultValue = "topk",
      description =
          "Which features stay: the --k largest of each token; the --k furthest from 0, "
              + "with their signs; of the whole batch --k a token on average, which finds a "
              + "threshold to be used afterwards in the batch's place; or all that are "
              + "positive, or above a threshold of their own, or whose gate is open, which "
              + "--penalty keeps few; or --k at most that matching pursuit picks: topk, "
              + "abstopk, batchtopk, relu, jumprelu, gated, matching_pursuit (default: topk).")
  private String activation;

  @Option(
      names = "--penalty",
      paramLabel = "WEIGHT",
      defaultValue = "0",
      description =
          "With relu, jumprelu and gated: what the penalty, summed over the features of "
              + "a token, weighs against its squared error.")
  private double penalty;

  @Option(
      names = "--penalty-kind",
      paramLabel = "l1|tanh|power|l0",
      description =
          "What a code costs, of u = activation times decoder norm: u; or tanh(S·u); or "
              + "u to the power p, which falls from 1 (p-annealing); or 1, with jumprelu "
              + "(default: l0 with jumprelu, else l1).")
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
      description = "S of the penalty tanh (default: ${DEFAULT-VALUE}).")
  private double tanhScale;

  @Option(
      names = "--p-end",
      paramLabel = "P",
      defaultValue = "0.2",
      description = "The last p of the penalty power (default: ${DEFAULT-VALUE}).")
  private double lastExponent;

  @Option(
      names = "--p-from",
      paramLabel = "STEP",
      description = "Where p begins to fall from 1 (default: after a fifth of the run).")
  private Long exponentFrom;

  @Option(
      names = "--p-to",
      paramLabel = "STEP",
      description = "Where p has fallen (default: at nine tenths of the run).")
  private Long exponentTo;

  @Option(
      names = "--p-stages",
      paramLabel = "N",
      defaultValue = "10",
      description =
          "In how many falls; at each the weight is set so that the penalty stays what "
              + "it was (default: ${DEFAULT-VALUE}).")
  private int exponentStages;

  @Option(
      names = "--bandwidth",
      paramLabel = "E",
      defaultValue = "0.05",
      description =
          "Width of the window around a threshold of jumprelu in which activations move "
              + "it (default: ${DEFAULT-VALUE}).")
  private double bandwidth;

  @Option(
      names = "--threshold",
      paramLabel = "T",
      defaultValue = "0",
      description =
          "Where thresholds and gates of jumprelu and gated start (default: where --k "
              + "features of a token fire, as a sample says).")
  private double threshold;

  @Option(
      names = "--residual",
      paramLabel = "R",
      defaultValue = "0",
      description =
          "With matching_pursuit: the length of what is left of a token at which it "
              + "ends, where normalised tokens are sqrt(d) long (default: none).")
  private double residual;

  @Option(
      names = "--k",
      paramLabel = "N",
      defaultValue = "32",
      description =
          "Features per token; with jumprelu and gated, at the start (default: "
              + "${DEFAULT-VALUE}).")
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
  void apply(TrainingConfigBuilder config, long steps) {
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
