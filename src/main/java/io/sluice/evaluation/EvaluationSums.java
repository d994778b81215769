package io.sluice.evaluation;

import io.sluice.dictionary.ReconstructionSums;
import io.sluice.dictionary.Site;
import io.sluice.evaluation.measures.TokenSums;
import java.util.Arrays;
import java.util.List;

/** All sums of real numbers over tokens that an evaluation needs. */
final class EvaluationSums {
  private final ReconstructionSums reconstruction;
  private final SiteErrors sites;
  private final TokenSums tokens;

  /**
   * Empty sums.
   *
   * @param mean of the outputs over all tokens, {@code [Σ widths]}
   */
  EvaluationSums(List<Site> outputs, double[] mean) {
    this.reconstruction = new ReconstructionSums(Site.widths(outputs));
    this.sites = new SiteErrors(outputs.size() > 1 ? outputs : List.of());
    this.tokens = new TokenSums(mean);
  }

  /** Sums that were {@link #numbers}. */
  static EvaluationSums of(List<Site> outputs, double[] numbers) {
    EvaluationSums sums = new EvaluationSums(outputs, new double[0]);
    int first = sums.reconstruction.numbers().length;
    int second = first + sums.sites.numbers().length;
    sums.reconstruction.add(Arrays.copyOf(numbers, first));
    sums.sites.add(Arrays.copyOfRange(numbers, first, second));
    sums.tokens.add(Arrays.copyOfRange(numbers, second, numbers.length));
    return sums;
  }

  ReconstructionSums reconstruction() {
    return reconstruction;
  }

  SiteErrors sites() {
    return sites;
  }

  TokenSums tokens() {
    return tokens;
  }

  /**
   * The sums as numbers: those of several blocks are added number by number, in their order; where
   * some end before others, zeros follow.
   */
  double[] numbers() {
    double[] first = reconstruction.numbers();
    double[] second = sites.numbers();
    double[] third = tokens.numbers();
    double[] all = Arrays.copyOf(first, first.length + second.length + third.length);
    System.arraycopy(second, 0, all, first.length, second.length);
    System.arraycopy(third, 0, all, first.length + second.length, third.length);
    return all;
  }
}
