package io.sluice.model.causal;

import io.sluice.memory.DType;
import io.sluice.model.cpu.CpuLayers;
import io.sluice.model.cpu.CpuMlp;
import io.sluice.model.parts.Linear;
import io.sluice.model.parts.Routing;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.ArrayList;
import java.util.List;

/**
 * A mixture of experts. A router chooses some of many MLPs for each token, and their outputs are
 * added with the weights that {@link Routing} defines:
 *
 * <pre>
 * y = Σ weight_e · expert_e(x)  over the chosen e  (+ sigmoid(sharedGate(x)) · shared(x))
 * </pre>
 *
 * <p>Experts that no token of a batch goes to are not computed.
 *
 * @param router {@code [experts, dModel]}
 * @param experts all of them
 * @param chosen how many each token goes to
 * @param normalised whether the weights of a token's experts are divided by their sum
 * @param shared the expert that every token goes to; null for none
 * @param sharedGate {@code [1, dModel]}, decides how much of it is added; null for none
 */
public record Mixture(
    Linear router,
    List<Mlp.Gated> experts,
    int chosen,
    boolean normalised,
    Mlp.Gated shared,
    Linear sharedGate)
    implements Mlp {
  /** Copies the list. */
  public Mixture {
    experts = List.copyOf(experts);
  }

  /**
   * What the mixture adds to the residual stream.
   *
   * @param x {@code [batch, length, dModel]}
   */
  Tensor apply(Tensor x) {
    Tensor rows = x.reshape(x.size(0) * x.size(1), x.size(2));
    float[] logits = router.apply(rows).to(DType.F32).toFloats();
    Routing routing = Routing.of(logits, experts.size(), chosen, normalised);
    Tensor y = weighted(routing, rows);
    if (shared != null) {
      y = y.add(sharedGate.apply(rows).sigmoid().mul(written(shared, rows)));
    }
    return y.reshape(x.shape());
  }

  private Tensor weighted(Routing routing, Tensor rows) {
    int count = routing.count();
    long[] places = new long[count * chosen];
    float[] weights = new float[count * chosen];
    for (int token = 0; token < count; token++) {
      for (int i = 0; i < chosen; i++) {
        places[token * chosen + i] = routing.place(token, i);
        weights[token * chosen + i] = routing.weight(token, i);
      }
    }
    try (TensorScope kept = TensorScope.detached()) {
      List<Tensor> parts = new ArrayList<>();
      for (int expert = 0; expert < experts.size(); expert++) {
        if (routing.count(expert) > 0) {
          // One scope per expert: what is inside it is freed before the next begins.
          try (TensorScope scope = TensorScope.open()) {
            parts.add(written(experts.get(expert), read(routing, expert, rows)).moveTo(kept));
          }
        }
      }
      Tensor byToken =
          ShapeOperators.cat(parts, 0)
              .indexSelect(0, Tensor.ofLongs(places, places.length).to(rows.device()))
              .reshape(count, chosen, rows.size(1));
      Tensor factors =
          Tensor.ofFloats(weights, count, chosen, 1).to(rows.dtype()).to(rows.device());
      return byToken.mul(factors).sum(false, 1);
    }
  }

  /** The rows of the tokens that go to an expert. */
  private static Tensor read(Routing routing, int expert, Tensor rows) {
    long[] tokens = new long[routing.count(expert)];
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = routing.token(routing.first(expert) + i);
    }
    return rows.indexSelect(0, Tensor.ofLongs(tokens, tokens.length).to(rows.device()));
  }

  private static Tensor written(Mlp.Gated expert, Tensor rows) {
    return expert.down().apply(expert.inner(rows));
  }

  @Override
  public CpuMlp.Mixture onCpu(CpuLayers.Matrices matrices) {
    return new CpuMlp.Mixture(
        matrices.apply(List.of(router)),
        experts.stream().map(expert -> expert.onCpu(matrices)).toList(),
        chosen,
        normalised,
        shared == null ? null : shared.onCpu(matrices),
        shared == null ? null : matrices.apply(List.of(sharedGate)));
  }
}
