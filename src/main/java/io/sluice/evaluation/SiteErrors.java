package io.sluice.evaluation;

import io.sluice.dictionary.Site;
import io.sluice.memory.Rows;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Sums for the fraction of variance unexplained of each of several sites. */
final class SiteErrors {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private final List<Site> sites;
  private final double[] sums;
  private final double[] squares;
  private final double[] errors;

  /** Empty sums; without sites {@link #add} does nothing. */
  SiteErrors(List<Site> sites) {
    this.sites = sites;
    this.sums = new double[Site.widths(sites)];
    this.squares = new double[sums.length];
    this.errors = new double[sums.length];
  }

  /**
   * Adds a batch.
   *
   * @param made the reconstructions, float32 {@code [n, Σ widths]}
   */
  void add(MemorySegment made, Rows target) {
    if (sites.isEmpty()) {
      return;
    }
    int width = sums.length;
    for (int row = 0; row < target.count(); row++) {
      for (int i = 0; i < width; i++) {
        double wanted = target.at(row, i);
        double error = made.getAtIndex(FLOAT, (long) row * width + i) - wanted;
        sums[i] += wanted;
        squares[i] += wanted * wanted;
        errors[i] += error * error;
      }
    }
  }

  /** The sums as numbers that can be added, {@code [3 · Σ widths]}. */
  double[] numbers() {
    int width = sums.length;
    double[] numbers = Arrays.copyOf(sums, 3 * width);
    System.arraycopy(squares, 0, numbers, width, width);
    System.arraycopy(errors, 0, numbers, 2 * width, width);
    return numbers;
  }

  /** Adds the {@link #numbers} of other tokens. */
  void add(double[] numbers) {
    int width = sums.length;
    for (int i = 0; i < width; i++) {
      sums[i] += numbers[i];
      squares[i] += numbers[width + i];
      errors[i] += numbers[2 * width + i];
    }
  }

  /** The FVU of each site. */
  List<Evaluation.SiteFvu> fvus(long tokens) {
    List<Evaluation.SiteFvu> fvus = new ArrayList<>();
    int at = 0;
    for (Site site : sites) {
      double error = 0;
      double variance = 0;
      for (int end = at + site.width(); at < end; at++) {
        error += errors[at];
        variance += squares[at] - sums[at] * sums[at] / tokens;
      }
      fvus.add(new Evaluation.SiteFvu(site.hook(), error / variance));
    }
    return fvus;
  }
}
