package io.sluice.lorsa.training;

import io.sluice.lorsa.ContextFeed;
import io.sluice.lorsa.engine.LorsaBatch;
import io.sluice.lorsa.engine.LorsaEngine;
import io.sluice.lorsa.engine.LorsaSpec;
import io.sluice.lorsa.engine.LorsaTensor;
import io.sluice.lorsa.engine.LorsaWeights;
import io.sluice.memory.DType;
import io.sluice.model.LayerAttention;
import io.sluice.torch.Device;
import io.sluice.torch.MatrixOperators.Eigen;
import io.sluice.torch.MatrixOperators.Svd;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;

/**
 * The active subspace of each of the model's heads: of head j's contribution to {@code attn_out},
 * {@code c_j = W_O^j·z_j}, the top eigenvectors of the centred covariance. As {@code z_j} is
 * narrow, that of {@code z_j} is taken, and the left singular vectors of {@code W_O^j·Cov(z_j)^½}.
 *
 * <p>The heads' outputs {@code z_j} are those of a Lorsa whose groups are the model's heads and
 * whose heads read one dimension of a value each.
 *
 * @param directions per head of the model, orthonormal columns {@code [outputWidth, n]} by
 *     descending variance, float32 on the CPU
 */
record HeadSubspaces(List<Tensor> directions) {

  /**
   * Measures them.
   *
   * @param sample contexts, in batches
   * @param wanted dimensions per head, at most a head's width; 0 for as many as hold {@code tau}
   * @return tensors in the caller's innermost scope
   */
  static HeadSubspaces of(
      LayerAttention attention,
      ContextFeed feed,
      List<int[]> sample,
      int wanted,
      double tau,
      Device device)
      throws IOException {
    int r = attention.headDim();
    List<Tensor> directions = new ArrayList<>();
    Tensor covariances = covariances(attention, feed, sample, device);
    Tensor output = attention.output().weight().to(Device.CPU).to(DType.F64);
    for (int head = 0; head < attention.heads(); head++) {
      Eigen eigen = covariances.select(0, head).eigh();
      Tensor root = eigen.vectors().mul(eigen.values().relu().sqrt());
      Svd svd = output.narrow(1, (long) head * r, r).mm(root).svd();
      int n = wanted > 0 ? wanted : dimensions(svd.s().toDoubles(), tau);
      directions.add(svd.u().narrow(1, 0, n).to(DType.F32).contiguous());
    }
    return new HeadSubspaces(directions);
  }

  /** The smallest number of directions that hold {@code tau} of the variance. */
  static int dimensions(double[] singularValues, double tau) {
    double all = 0;
    for (double value : singularValues) {
      all += value * value;
    }
    double held = 0;
    for (int i = 0; i < singularValues.length; i++) {
      held += singularValues[i] * singularValues[i];
      if (held >= tau * all) {
        return i + 1;
      }
    }
    return singularValues.length;
  }

  /** Centred covariances of the heads' outputs, float64 {@code [heads, headDim, headDim]}. */
  private static Tensor covariances(
      LayerAttention attention, ContextFeed feed, List<int[]> sample, Device device)
      throws IOException {
    int heads = attention.heads();
    int r = attention.headDim();
    Tensor products = Tensor.zeros(DType.F64, Device.CPU, heads, r, r);
    Tensor sums = Tensor.zeros(DType.F64, Device.CPU, heads, 1, r);
    long count = 0;
    try (Arena arena = Arena.ofConfined();
        LorsaEngine engine = LorsaEngine.running(own(attention, arena), device)) {
      for (int[] contexts : sample) {
        try (TensorScope scope = TensorScope.open()) {
          LorsaBatch batch = feed.batch(contexts, 1, 1);
          Tensor z = engine.activations(batch).to(Device.CPU).to(DType.F64);
          Tensor byHead = z.reshape(z.size(0), heads, r).transpose(0, 1);
          products.copy_(products.add(byHead.transpose(1, 2).matmul(byHead)));
          sums.copy_(sums.add(byHead.sum(true, 1)));
          count += batch.tokens();
        }
      }
    }
    Tensor mean = sums.div((double) count);
    return products.div((double) count).sub(mean.transpose(1, 2).matmul(mean));
  }

  /** The model's attention as a Lorsa: one head per dimension of {@code z}. */
  static LorsaWeights own(LayerAttention a, Arena arena) {
    LorsaSpec spec = Queries.spec(a, (int) a.query().weight().size(1), 1, a.heads() * a.headDim());
    LorsaWeights weights = LorsaWeights.allocate(arena, spec);
    try (TensorScope scope = TensorScope.open()) {
      Queries.write(a, weights, 1);
      Queries.perHead(a.value().weight(), a, a.heads()).copyTo(weights.get(LorsaTensor.VALUE));
      Queries.perHead(a.value().bias(), a, a.heads()).copyTo(weights.get(LorsaTensor.VALUE_BIAS));
    }
    return weights;
  }
}
