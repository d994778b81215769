package io.sluice.evaluation;

/**
 * Features by the share of tokens that they fire on, in bins of a quarter of a decade.
 *
 * @param log10Edges edges of the bins, ascending; one more than there are counts
 * @param counts features in each bin
 * @param neverFired features that fired on no token, in no bin
 */
public record FrequencyHistogram(double[] log10Edges, long[] counts, long neverFired) {
  private static final int BINS_PER_DECADE = 4;

  /**
   * The histogram of firing frequencies.
   *
   * @param fired the number of tokens that each feature fired on
   * @param tokens tokens in all, at least 1
   */
  public static FrequencyHistogram of(long[] fired, long tokens) {
    int bins = Math.max(1, (int) Math.ceil(Math.log10(tokens) * BINS_PER_DECADE));
    double[] edges = new double[bins + 1];
    for (int i = 0; i <= bins; i++) {
      edges[i] = (double) (i - bins) / BINS_PER_DECADE;
    }
    long[] counts = new long[bins];
    long never = 0;
    for (long count : fired) {
      if (count == 0) {
        never++;
      } else {
        double place = Math.log10((double) count / tokens) * BINS_PER_DECADE + bins;
        counts[Math.clamp((long) Math.floor(place), 0, bins - 1)]++;
      }
    }
    return new FrequencyHistogram(edges, counts, never);
  }
}
