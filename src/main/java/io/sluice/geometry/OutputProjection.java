package io.sluice.geometry;

import java.util.ArrayList;
import java.util.List;

/**
 * The geometry of an attention layer's output projection {@code W_O}: the cause of low-dimensional
 * attention outputs in arXiv 2508.16929.
 *
 * <p>{@code attn_out = z·W_O}, where {@code z} is the concatenation of the heads' outputs, so head
 * {@code i} owns the rows {@code W_O^i} {@code [dHead, d]} and writes into their row space.
 *
 * @param heads number of heads
 * @param spectrum of {@code W_O}: its eigenvalues are the squared singular values
 * @param headSpectra of each {@code W_O^i}, {@code dHead} values each
 * @param headOverlap {@code [heads, heads]}, see {@link HeadOverlap}
 */
public record OutputProjection(
    int heads, Spectrum spectrum, List<Spectrum> headSpectra, double[][] headOverlap) {

  /**
   * Measures a projection.
   *
   * @param weight {@code W_O}, {@code [heads · dHead, d]} row-major: {@code attn_out = z·W_O}
   * @param heads number of heads
   * @throws IllegalArgumentException if the length is not {@code heads · dHead · d}
   */
  public static OutputProjection of(float[] weight, int heads, int d) {
    if (heads < 1 || d < 1 || weight.length == 0 || weight.length % ((long) heads * d) != 0) {
      throw new IllegalArgumentException(
          weight.length + " values are not " + heads + " heads of rows of width " + d);
    }
    int dHead = weight.length / heads / d;
    List<RowSpace> spaces = new ArrayList<>();
    List<Spectrum> spectra = new ArrayList<>();
    for (int head = 0; head < heads; head++) {
      RowSpace space = RowSpace.of(weight, head * dHead, dHead, d);
      spaces.add(space);
      spectra.add(Spectrum.ofEigenvalues(space.squaredSingularValues()));
    }
    RowSpace whole = RowSpace.of(weight, 0, heads * dHead, d);
    return new OutputProjection(
        heads,
        Spectrum.ofEigenvalues(whole.squaredSingularValues()),
        List.copyOf(spectra),
        HeadOverlap.between(spaces));
  }

  /** The singular values of {@code W_O}, descending; as many as its smaller side. */
  public double[] singularValues() {
    double[] values = spectrum.eigenvalues();
    for (int i = 0; i < values.length; i++) {
      values[i] = Math.sqrt(values[i]);
    }
    return values;
  }

  /** The mean of {@link #headOverlap} over all pairs of different heads; 0 for a single head. */
  public double meanOverlap() {
    if (heads == 1) {
      return 0;
    }
    double sum = 0;
    for (int i = 0; i < heads; i++) {
      for (int j = 0; j < heads; j++) {
        sum += i == j ? 0 : headOverlap[i][j];
      }
    }
    return sum / heads / (heads - 1);
  }
}
