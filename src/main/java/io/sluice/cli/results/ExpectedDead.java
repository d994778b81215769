package io.sluice.cli.results;

import io.sluice.geometry.DeadPrediction;
import io.sluice.geometry.DeadPrediction.Start;
import io.sluice.geometry.TokenMoments;
import io.sluice.report.Spectra;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The dead features that are predicted for the dictionaries of a command line. */
public final class ExpectedDead {
  private final int[] features;
  private final int k;
  private final long[] windows;
  private final long seed;

  /**
   * Predicts nothing yet.
   *
   * @param features sizes of dictionaries
   * @param k features that stay active on a token
   * @param windows numbers of tokens
   * @param seed of the rows that are drawn
   * @throws IllegalArgumentException if a number is out of range
   */
  public ExpectedDead(int[] features, int k, long[] windows, long seed) {
    for (int size : features) {
      if (size < 1) {
        throw new IllegalArgumentException("--features must be at least 1, not " + size);
      }
      if (k < 1 || k > size) {
        throw new IllegalArgumentException(
            "--k must be from 1 to the number of features " + size + ", not " + k);
      }
    }
    for (long tokens : windows) {
      if (tokens < 1) {
        throw new IllegalArgumentException("--dead-window must be at least 1, not " + tokens);
      }
    }
    this.features = features.clone();
    this.k = k;
    this.windows = windows.clone();
    this.seed = seed;
  }

  /** The predictions for one hook point, by size, window, start and centring. */
  List<Spectra.ExpectedDead> of(TokenMoments moments, double tau) {
    DeadPrediction prediction = DeadPrediction.of(moments, tau, seed);
    List<Spectra.ExpectedDead> all = new ArrayList<>();
    for (int size : features) {
      for (long tokens : windows) {
        for (Start start : Start.values()) {
          for (boolean centred : List.of(false, true)) {
            all.add(
                new Spectra.ExpectedDead(
                    size,
                    k,
                    tokens,
                    start.name().toLowerCase(Locale.ROOT),
                    centred,
                    prediction.share(start, centred, size, k, tokens)));
          }
        }
      }
    }
    return all;
  }
}
