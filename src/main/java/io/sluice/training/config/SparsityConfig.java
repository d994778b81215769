package io.sluice.training.config;

import io.sluice.dictionary.Activation;
import io.sluice.engine.EngineSpec;
import io.sluice.engine.Learned;
import io.sluice.engine.Selection;
import io.sluice.engine.Thresholds;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalDouble;

/**
 * What keeps codes sparse while a dictionary learns.
 *
 * @param kind which features stay
 * @param k features per token that stay; where thresholds or gates are learned, how many stay at
 *     the start; of no use with ReLU
 * @param firstK k at the first step; it falls (or rises) linearly to {@code k}
 * @param kSteps steps that this takes; 0 for none
 * @param prefixes where nested dictionaries end, ascending, all of them smaller than the whole
 *     (Matryoshka, arXiv 2503.17547); the loss is then the mean over them and the whole
 * @param penalty what codes cost, where their number is not given
 * @param bandwidth width of the window in which values move JumpReLU's thresholds
 * @param threshold JumpReLU's thresholds at the start; 0 for those at which {@code k} features of a
 *     token fire
 * @param residual length of what is left of a token at which matching pursuit ends, in the units
 *     that training works in; 0 for none
 */
public record SparsityConfig(
    Sparsity kind,
    int k,
    int firstK,
    long kSteps,
    List<Integer> prefixes,
    PenaltyConfig penalty,
    double bandwidth,
    double threshold,
    double residual) {

  public SparsityConfig {
    Objects.requireNonNull(kind, "kind");
    Objects.requireNonNull(penalty, "penalty");
    if (k < 1 || firstK < 1) {
      throw new IllegalArgumentException("k must be at least 1, not " + Math.min(k, firstK));
    }
    if (kSteps < 0) {
      throw new IllegalArgumentException("k steps must be at least 0, not " + kSteps);
    }
    prefixes = List.copyOf(prefixes);
    if ((kind.isPenalised() || kind == Sparsity.MATCHING_PURSUIT) && !prefixes.isEmpty()) {
      throw new IllegalArgumentException(
          "nested prefixes go with topk, abstopk and batchtopk, not with " + kind.label());
    }
    if (kind.isPenalised() && penalty.weight() == 0) {
      throw new IllegalArgumentException(
          "activation %s needs a penalty, which keeps its codes few; give --penalty, for instance 0.3"
              .formatted(kind.label()));
    }
    if (kind.isPenalised() != penalty.weight() > 0) {
      throw new IllegalArgumentException(
          "a penalty goes with relu, jumprelu and gated, and with these only: activation "
              + kind.label()
              + ", penalty "
              + penalty.weight());
    }
    if (penalty.kind() == PenaltyKind.L0 && kind != Sparsity.JUMPRELU) {
      throw new IllegalArgumentException(
          "a penalty on the number of codes (l0) goes with jumprelu only, not " + kind.label());
    }
    if (!(bandwidth > 0) || Double.isInfinite(bandwidth)) {
      throw new IllegalArgumentException("a bandwidth must be positive, not " + bandwidth);
    }
    if (!(residual >= 0)
        || Double.isInfinite(residual)
        || residual > 0 && kind != Sparsity.MATCHING_PURSUIT) {
      throw new IllegalArgumentException(
          "a residual must not be negative and goes with matching_pursuit: activation %s, residual %s"
              .formatted(kind.label(), residual));
    }
    if (!(threshold >= 0) || Double.isInfinite(threshold)) {
      throw new IllegalArgumentException("a threshold must not be negative: " + threshold);
    }
  }

  /** What an engine is told of all this. */
  public EngineSpec spec(EngineSpec shape) {
    List<Integer> ends = new ArrayList<>(prefixes);
    ends.add(shape.features());
    return shape.with(learned()).nested(ends);
  }

  /** How many features of a token stay at step {@code step}, counted from 1. */
  public int k(long step) {
    if (step > kSteps) {
      return k;
    }
    double done = (double) (step - 1) / kSteps;
    return (int) Math.round(firstK + (k - firstK) * done);
  }

  /** Which features stay at step {@code step}, counted from 1. */
  public Selection selection(long step) {
    return switch (kind) {
      case TOPK -> new Selection.TopK(k(step));
      case ABSTOPK -> new Selection.AbsTopK(k(step));
      case BATCHTOPK -> new Selection.BatchTopK(k(step));
      case RELU -> new Selection.Threshold(Thresholds.uniform(0));
      case JUMPRELU -> new Selection.LearnedThreshold(bandwidth);
      case GATED -> new Selection.Gate();
      case MATCHING_PURSUIT -> new Selection.Pursuit(k(step), residual);
    };
  }

  /** Which features stay before the first step, when thresholds and gates are not known yet. */
  public Selection startingSelection() {
    return switch (kind) {
      case JUMPRELU, GATED ->
          threshold > 0
              ? new Selection.Threshold(Thresholds.uniform(0))
              : new Selection.BatchTopK(k);
      default -> selection(1);
    };
  }

  /** What the engine learns per feature. */
  Learned learned() {
    return switch (kind) {
      case JUMPRELU -> Learned.THRESHOLD;
      case GATED -> Learned.GATE;
      default -> Learned.NOTHING;
    };
  }

  /**
   * How the dictionary will be used; thresholds that were learned take the place of zeros here, and
   * a residual is in the units of training.
   *
   * @param found what BatchTopK has found, in the units of the dictionary
   */
  Activation activation(OptionalDouble found) {
    return switch (kind) {
      case TOPK -> new Activation.TopK(k);
      case ABSTOPK -> new Activation.AbsTopK(k);
      case BATCHTOPK -> new Activation.BatchTopK(k, found);
      case RELU -> new Activation.ReLU();
      case JUMPRELU -> new Activation.JumpReLU(Thresholds.uniform(0));
      case GATED -> new Activation.Gated(Thresholds.uniform(0));
      case MATCHING_PURSUIT -> new Activation.Pursuit(k, residual);
    };
  }
}
