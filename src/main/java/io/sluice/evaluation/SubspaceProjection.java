package io.sluice.evaluation;

import io.sluice.geometry.Covariance;
import io.sluice.geometry.Subspace;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.ArrayList;
import java.util.List;

/**
 * Replaces an activation by its projection on the top {@code k} directions plus the mean, {@code
 * mean + VᵀV(x − mean)} (arXiv 2508.16929); without directions this is mean ablation.
 */
public final class SubspaceProjection extends Intervention {
  private final TensorScope owned;
  private final Tensor mean;
  private final Tensor directions;

  private SubspaceProjection(
      TensorScope owned, Tensor mean, Tensor directions, int width, int from) {
    super(width, from);
    this.owned = owned;
    this.mean = mean;
    this.directions = directions;
  }

  /**
   * Replaces every activation by the mean.
   *
   * @param mean {@code [width]}
   * @param from the first position that is replaced
   */
  public static SubspaceProjection meanAblation(double[] mean, Device device, int from) {
    return of(mean, new double[0], 0, device, from);
  }

  /**
   * Projects on a subspace.
   *
   * @param from the first position that is replaced
   */
  public static SubspaceProjection on(Subspace subspace, Device device, int from) {
    return of(subspace.mean(), subspace.directions(), subspace.dimension(), device, from);
  }

  /**
   * Projections on the top {@code k} directions of a covariance, for several {@code k}; its
   * eigenvectors are computed once.
   *
   * @param ks each from 1 to the width
   * @param from the first position that is replaced
   * @throws IllegalArgumentException if a {@code k} is outside
   */
  static List<SubspaceProjection> onTop(Covariance covariance, int[] ks, Device device, int from) {
    int d = covariance.width();
    for (int k : ks) {
      if (k < 1 || k > d) {
        throw new IllegalArgumentException("k must be from 1 to the width " + d + ", not " + k);
      }
    }
    Subspace whole = Subspace.topDirections(covariance, d);
    double[] directions = whole.directions();
    List<SubspaceProjection> projections = new ArrayList<>();
    for (int k : ks) {
      projections.add(of(whole.mean(), directions, k, device, from));
    }
    return projections;
  }

  private static SubspaceProjection of(
      double[] mean, double[] directions, int k, Device device, int from) {
    int d = mean.length;
    TensorScope owned = TensorScope.detached();
    try (TensorScope scope = TensorScope.open()) {
      Tensor center = Tensor.ofFloats(floats(mean, d), d).to(device).moveTo(owned);
      Tensor basis =
          k == 0 ? null : Tensor.ofFloats(floats(directions, k * d), k, d).to(device).moveTo(owned);
      return new SubspaceProjection(owned, center, basis, d, from);
    } catch (RuntimeException | Error e) {
      owned.close();
      throw e;
    }
  }

  private static float[] floats(double[] values, int count) {
    float[] narrow = new float[count];
    for (int i = 0; i < count; i++) {
      narrow[i] = (float) values[i];
    }
    return narrow;
  }

  @Override
  Tensor replaced(Tensor rows) {
    if (directions == null) {
      return mean.expand(rows.shape());
    }
    Tensor coordinates = rows.sub(mean).linear(directions, null);
    return mean.addmm(coordinates, directions, 1, 1);
  }

  @Override
  public void close() {
    owned.close();
  }
}
