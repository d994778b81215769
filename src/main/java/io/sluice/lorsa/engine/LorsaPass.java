package io.sluice.lorsa.engine;

import io.sluice.memory.DType;
import io.sluice.torch.ReductionOperators.Runs;
import io.sluice.torch.ReductionOperators.Selection;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.util.List;
import java.util.Map;

/**
 * The forward and backward pass of a chunk of contexts; made for one chunk, in the scope of its
 * caller.
 *
 * <p>With {@code A_g} the attention weights of a group: {@code z_h(t) = Σ_s A_g(h)(t, s) · (⟨w_V^h,
 * x_s⟩ + b_V^h)}, of which the k largest stay where they are positive: {@code y(t) = Σ_h f_h(t) ·
 * w_O^h + b}. Backward, with {@code g = ∂L/∂y}: {@code ∂w_O^h = Σ_t f_h(t)·g(t)}, {@code ∂z_h(t) =
 * ⟨g(t), w_O^h⟩} where h fired, {@code ∂v = Aᵀ∂z}, {@code ∂A = ∂z·vᵀ}, and then the gradients of
 * the softmax and the rotation. Weights of attention are made for a few groups at a time, and again
 * on the way back, so that memory does not grow with their number.
 */
final class LorsaPass {
  private final LorsaSpec spec;
  private final Map<LorsaTensor, Tensor> weights;
  private final RotaryPositions rotary;
  private final Tensor mask;
  private final int groupsAtOnce;
  private final LorsaBatch batch;
  private final long contexts;
  private final long length;
  private final long rows;
  private final Tensor x;
  private final Tensor counted;
  private Tensor query;
  private Tensor key;
  private Tensor value;
  private Tensor pre;

  /** The heads that stay, int64 {@code [rows, k]}, and their activations, 0 where not positive. */
  private Tensor heads;

  private Tensor codes;

  /**
   * @param mask what is added to attention scores
   * @param groupsAtOnce how many groups' attention weights are held at a time
   */
  LorsaPass(
      LorsaSpec spec,
      Map<LorsaTensor, Tensor> weights,
      RotaryPositions rotary,
      Tensor mask,
      int groupsAtOnce,
      LorsaBatch batch) {
    this.spec = spec;
    this.weights = weights;
    this.rotary = rotary;
    this.mask = mask;
    this.groupsAtOnce = groupsAtOnce;
    this.batch = batch;
    this.contexts = batch.contexts();
    this.length = batch.length();
    this.rows = contexts * length;
    this.x = batch.input().reshape(rows, spec.inputWidth());
    this.counted = Tensor.ofFloats(batch.counted(), rows, 1).to(x.device());
  }

  /** The activations {@code z} of all heads, before selection: {@code [rows, heads]}. */
  Tensor attend() {
    query = rotated(LorsaTensor.QUERY, LorsaTensor.QUERY_BIAS);
    key = rotated(LorsaTensor.KEY, LorsaTensor.KEY_BIAS);
    value = x.linear(weights.get(LorsaTensor.VALUE), weights.get(LorsaTensor.VALUE_BIAS));
    pre = Tensor.empty(DType.F32, x.device(), rows, spec.heads());
    for (int group = 0; group < spec.groups(); group += groupsAtOnce) {
      int count = Math.min(groupsAtOnce, spec.groups() - group);
      try (TensorScope scope = TensorScope.open()) {
        AttentionPattern pattern = pattern(group, count);
        ofGroups(pre, group, count).copy_(pattern.weights().matmul(ofGroups(value, group, count)));
      }
    }
    return pre;
  }

  /** Finds the heads that stay at each position that counts. */
  void encode() {
    attend();
    Tensor ranked =
        spec.scoreByOutputNorm()
            ? pre.mul(weights.get(LorsaTensor.OUTPUT).square().sum(false, 1).sqrt())
            : pre;
    Selection largest = ranked.topk(spec.k(), 1, true);
    heads = largest.indices();
    Tensor kept = spec.scoreByOutputNorm() ? pre.gather(1, heads) : largest.values();
    codes = kept.relu().mul_(counted);
  }

  /** {@code y}, {@code [rows, outputWidth]}. */
  Tensor decode() {
    return weights
        .get(LorsaTensor.OUTPUT)
        .embeddingBag(heads.reshape(-1), offsets(), codes.reshape(-1))
        .add(weights.get(LorsaTensor.OUTPUT_BIAS));
  }

  /** {@code y − target} where it counts, else 0: {@code [rows, outputWidth]}. */
  Tensor error(Tensor decoded) {
    return decoded.sub(batch.target().reshape(rows, spec.outputWidth())).mul_(counted);
  }

  /** {@code [rows, k]}, int64. */
  Tensor heads() {
    return heads;
  }

  /** {@code [rows, k]}. */
  Tensor codes() {
    return codes;
  }

  /**
   * Adds the gradients of the loss.
   *
   * @param byOutput {@code ∂L/∂y}, {@code [rows, outputWidth]}, 0 where it does not count
   * @param gradients of the shapes of the weights
   */
  void back(Tensor byOutput, Map<LorsaTensor, Tensor> gradients) {
    Tensor flat = heads.reshape(-1);
    Tensor owners =
        Tensor.arange(0, rows, x.device()).unsqueeze(1).expand(rows, spec.k()).reshape(-1);
    Tensor byCodes = byOutput.bagProducts(weights.get(LorsaTensor.OUTPUT), flat, offsets(), owners);
    addTo(gradients.get(LorsaTensor.OUTPUT_BIAS), byOutput.sum(false, 0));
    backToOutput(byOutput, flat, owners, gradients.get(LorsaTensor.OUTPUT));
    Tensor byKept = byCodes.reshape(rows, spec.k()).mul_(codes.gt(0).to(DType.F32));
    // What comes before selection is needed no more, and its memory is large.
    Tensor byPre = pre.zero_().scatterAdd_(1, heads, byKept);
    Tensor byQuery = Tensor.empty(DType.F32, x.device(), query.shape());
    Tensor byKey = Tensor.empty(DType.F32, x.device(), key.shape());
    for (int group = 0; group < spec.groups(); group += groupsAtOnce) {
      int count = Math.min(groupsAtOnce, spec.groups() - group);
      try (TensorScope scope = TensorScope.open()) {
        AttentionPattern pattern = pattern(group, count);
        Tensor byThese = ofGroups(byPre, group, count);
        Tensor byWeights = byThese.matmul(ofGroups(value, group, count).transpose(2, 3));
        byThese.copy_(pattern.weights().transpose(2, 3).matmul(byThese));
        AttentionPattern.Gradients by = pattern.back(byWeights);
        byQuery.narrow(1, group, count).copy_(by.query());
        byKey.narrow(1, group, count).copy_(by.key());
      }
    }
    // The place of ∂z holds ∂v now.
    addProjection(byPre, gradients, LorsaTensor.VALUE, LorsaTensor.VALUE_BIAS);
    addProjection(rotatedBack(byQuery), gradients, LorsaTensor.QUERY, LorsaTensor.QUERY_BIAS);
    addProjection(rotatedBack(byKey), gradients, LorsaTensor.KEY, LorsaTensor.KEY_BIAS);
  }

  /** Each head's row gets its own tokens' gradients, in order, so that sums come out the same. */
  private void backToOutput(Tensor byOutput, Tensor flat, Tensor owners, Tensor gradient) {
    Selection byHead = flat.sort(0, false);
    Runs runs = byHead.values().uniqueConsecutive();
    Tensor offsets =
        ShapeOperators.cat(
            List.of(Tensor.zeros(DType.I64, x.device(), 1), runs.counts().cumsum(0)), 0);
    Tensor sums =
        byOutput.embeddingBag(
            owners.indexSelect(0, byHead.indices()),
            offsets,
            codes.reshape(-1).indexSelect(0, byHead.indices()));
    gradient.indexCopy_(0, runs.values(), gradient.indexSelect(0, runs.values()).add(sums));
  }

  private void addProjection(
      Tensor by, Map<LorsaTensor, Tensor> gradients, LorsaTensor weight, LorsaTensor bias) {
    Tensor gradient = gradients.get(weight);
    gradient.addmm_(gradient, by.transpose(0, 1), x, 1, 1);
    addTo(gradients.get(bias), by.sum(false, 0));
  }

  /** The index at which the heads of each position begin, {@code [rows + 1]}. */
  private Tensor offsets() {
    return Tensor.arange(0, rows + 1, x.device())
        .mul(Tensor.scalar(spec.k(), DType.I64, x.device()));
  }

  private static void addTo(Tensor sum, Tensor part) {
    sum.copy_(sum.add(part));
  }

  private AttentionPattern pattern(int group, int count) {
    return AttentionPattern.of(
        spec, query.narrow(1, group, count), key.narrow(1, group, count), mask);
  }

  /** Columns of some groups of {@code [rows, heads]} as {@code [contexts, groups, length, n]}. */
  private Tensor ofGroups(Tensor all, int group, int count) {
    return all.reshape(contexts, length, spec.groups(), spec.headsPerGroup())
        .narrow(2, group, count)
        .transpose(1, 2);
  }

  /** Queries or keys, {@code [contexts, groups, length, headDim]}. */
  private Tensor rotated(LorsaTensor weight, LorsaTensor bias) {
    Tensor flat = x.linear(weights.get(weight), weights.get(bias));
    return rotary
        .rotate(flat.reshape(contexts, length, spec.groups(), spec.headDim()))
        .transpose(1, 2)
        .contiguous();
  }

  private Tensor rotatedBack(Tensor by) {
    return rotary
        .rotateBack(by.transpose(1, 2))
        .reshape(rows, (long) spec.groups() * spec.headDim());
  }
}
