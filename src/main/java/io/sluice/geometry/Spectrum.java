package io.sluice.geometry;

import java.util.Arrays;
import java.util.Objects;

/**
 * The eigenvalues of a covariance and the measures of dimension that follow from them, as defined
 * in arXiv 2508.16929 ("Attention Layers Add Into Low-Dimensional Residual Subspaces").
 *
 * <p>With eigenvalues {@code λ₁ ≥ … ≥ λ_d} of {@code C = X̃ᵀX̃ / n}, the singular values of the
 * centred activations are {@code σᵢ = √(n·λᵢ)}. If all variance is zero, every measure is zero.
 */
public final class Spectrum {
  private final double[] eigenvalues;

  private Spectrum(double[] eigenvalues) {
    this.eigenvalues = eigenvalues;
  }

  /** The spectrum of a covariance. */
  public static Spectrum of(Covariance covariance) {
    return ofEigenvalues(SymmetricEigen.valuesOf(covariance.matrixInPlace(), covariance.width()));
  }

  /**
   * The spectrum with these eigenvalues, in any order. Negative values, which are rounding errors
   * of zeros, become zero.
   *
   * @throws IllegalArgumentException if there is none, or one is not finite
   */
  public static Spectrum ofEigenvalues(double[] values) {
    if (values.length == 0) {
      throw new IllegalArgumentException("a spectrum needs at least one eigenvalue");
    }
    double[] ascending = values.clone();
    Arrays.sort(ascending);
    double[] descending = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      double value = ascending[values.length - 1 - i];
      if (!Double.isFinite(value)) {
        throw new IllegalArgumentException("an eigenvalue is " + value);
      }
      descending[i] = Math.max(0, value);
    }
    return new Spectrum(descending);
  }

  /** Number of dimensions, {@code d}. */
  public int width() {
    return eigenvalues.length;
  }

  /** A copy of the eigenvalues, {@code [d]}, descending. */
  public double[] eigenvalues() {
    return eigenvalues.clone();
  }

  /** The eigenvalue {@code λ_{i+1}}: the largest for {@code i = 0}. */
  public double eigenvalue(int i) {
    return eigenvalues[Objects.checkIndex(i, eigenvalues.length)];
  }

  /** {@code Σ λᵢ}. */
  public double totalVariance() {
    double sum = 0;
    for (double value : eigenvalues) {
      sum += value;
    }
    return sum;
  }

  /**
   * The intrinsic dimension: the smallest {@code k} with {@code Σ_{i≤k} λᵢ ≥ τ·Σ λᵢ} (arXiv
   * 2508.16929).
   *
   * @param tau share of the variance to be held, in (0, 1]
   * @throws IllegalArgumentException if {@code tau} is outside
   */
  public int intrinsicDimension(double tau) {
    if (!(tau > 0 && tau <= 1)) {
      throw new IllegalArgumentException("tau must be above 0 and at most 1, not " + tau);
    }
    double wanted = tau * totalVariance();
    double sum = 0;
    int k = 0;
    while (sum < wanted) {
      sum += eigenvalues[k++];
    }
    return k;
  }

  /** {@link #intrinsicDimension} over {@code d}. */
  public double intrinsicDimensionRatio(double tau) {
    return (double) intrinsicDimension(tau) / width();
  }

  /**
   * The effective rank on <em>singular</em> values, {@code exp(H(p))} with {@code pᵢ = σᵢ / Σσ}
   * (Roy &amp; Vetterli, 2007). The same formula on eigenvalues gives a smaller number.
   */
  public double effectiveRank() {
    double sum = 0;
    for (double value : eigenvalues) {
      sum += Math.sqrt(value);
    }
    if (sum == 0) {
      return 0;
    }
    double entropy = 0;
    for (double value : eigenvalues) {
      double p = Math.sqrt(value) / sum;
      if (p > 0) {
        entropy -= p * Math.log(p);
      }
    }
    return Math.exp(entropy);
  }

  /** {@link #effectiveRank} over {@code d}. */
  public double effectiveRankRatio() {
    return effectiveRank() / width();
  }

  /** The participation ratio {@code (Σλ)² / Σλ²}. */
  public double participationRatio() {
    double scale = eigenvalues[0];
    if (scale == 0) {
      return 0;
    }
    double sum = 0;
    double squares = 0;
    for (double value : eigenvalues) {
      double relative = value / scale;
      sum += relative;
      squares += relative * relative;
    }
    return sum * sum / squares;
  }

  /** The stable rank {@code Σλ / λ₁}. */
  public double stableRank() {
    return eigenvalues[0] == 0 ? 0 : totalVariance() / eigenvalues[0];
  }
}
