package io.sluice.training.config;

import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.JumpReLU;
import io.sluice.engine.activation.Learned;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.spec.EngineSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalDouble;

/**
 * The settings that keep codes sparse in training.
 *
 * @param activation which features stay once k has its last value; its k and its residual are those
 *     below
 * @param k number of features of a token that stay active; if thresholds or gates are learned, that
 *     number at the start; not used with ReLU
 * @param firstK k at the first step; it falls (or rises) linearly to {@code k}
 * @param kSteps steps that this takes; 0 for none
 * @param prefixes where nested dictionaries end, ascending, all of them smaller than the whole
 *     (Matryoshka, arXiv 2503.17547); the loss is then the mean over them and the whole
 * @param penalty the penalty on codes, for activation functions without a fixed number of features
 * @param bandwidth width of the window in which values move JumpReLU's thresholds
 * @param threshold JumpReLU's thresholds at the start; 0 for those at which {@code k} features of a
 *     token fire
 * @param residual length of the residual below which matching pursuit ends, in the units of
 *     training; 0 for none
 */
public record SparsityConfig(
    ActivationFunction activation,
    int k,
    int firstK,
    long kSteps,
    List<Integer> prefixes,
    PenaltyConfig penalty,
    double bandwidth,
    double threshold,
    double residual) {

  public SparsityConfig {
    Objects.requireNonNull(activation, "activation");
    Objects.requireNonNull(penalty, "penalty");
    if (k < 1 || firstK < 1) {
      throw new IllegalArgumentException("k must be at least 1, not " + Math.min(k, firstK));
    }
    if (kSteps < 0) {
      throw new IllegalArgumentException("k steps must be at least 0, not " + kSteps);
    }
    prefixes = List.copyOf(prefixes);
    if ((activation.isPenalised() || activation instanceof Pursuit) && !prefixes.isEmpty()) {
      throw new IllegalArgumentException(
          "nested prefixes need topk, abstopk or batchtopk, not " + activation.label());
    }
    if (activation.isPenalised() && penalty.weight() == 0) {
      throw new IllegalArgumentException(
          "activation %s needs a penalty, which keeps its codes few; give --penalty, for instance 0.3"
              .formatted(activation.label()));
    }
    if (activation.isPenalised() != penalty.weight() > 0) {
      throw new IllegalArgumentException(
          "only relu, jumprelu and gated can have a penalty: activation "
              + activation.label()
              + ", penalty "
              + penalty.weight());
    }
    if (penalty.kind() == PenaltyKind.L0 && !(activation instanceof JumpReLU)) {
      throw new IllegalArgumentException(
          "a penalty on the number of codes (l0) needs jumprelu, not " + activation.label());
    }
    if (!(bandwidth > 0) || Double.isInfinite(bandwidth)) {
      throw new IllegalArgumentException("a bandwidth must be positive, not " + bandwidth);
    }
    if (!(residual >= 0)
        || Double.isInfinite(residual)
        || residual > 0 && !(activation instanceof Pursuit)) {
      throw new IllegalArgumentException(
          "a residual must not be negative and needs matching_pursuit: activation %s, residual %s"
              .formatted(activation.label(), residual));
    }
    if (!(threshold >= 0) || Double.isInfinite(threshold)) {
      throw new IllegalArgumentException("a threshold must not be negative: " + threshold);
    }
    activation = activation instanceof Pursuit ? new Pursuit(k, residual) : activation.withK(k);
  }

  /** The engine settings of this configuration. */
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
  public ActivationFunction activation(long step) {
    return activation.withK(k(step)).whileLearning(bandwidth);
  }

  /** The activation function before the first step, when thresholds and gates are not known yet. */
  public ActivationFunction startingActivation() {
    if (learned() == Learned.NOTHING) {
      return activation(1);
    }
    return threshold > 0 ? new ReLU() : new BatchTopK(k);
  }

  /** The parameters that the engine learns for each feature. */
  Learned learned() {
    return activation.whileLearning(bandwidth).learned();
  }

  /**
   * The activation function of the exported dictionary. Learned thresholds are filled in later
   * (here they are 0), and a residual is in the units of training.
   *
   * @param found what BatchTopK has found, in the units of the dictionary
   */
  ActivationFunction inUse(OptionalDouble found) {
    return activation instanceof BatchTopK ? new BatchTopK(k, found) : activation;
  }
}
