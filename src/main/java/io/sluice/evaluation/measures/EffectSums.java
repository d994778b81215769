package io.sluice.evaluation.measures;

import io.sluice.model.Predictions;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;

/** Sums over predictions for {@link ModelEffect}, kept for each position. */
public final class EffectSums {
  /** The variants of {@link #add}, in their order. */
  private static final int CLEAN = 0;

  private static final int MEAN = 1;
  private static final int RECONSTRUCTION = 2;
  private static final int ZERO = 3;
  private static final int VARIANTS = 4;

  private final int from;
  private final List<Sums> positions = new ArrayList<>();

  /**
   * Empty sums.
   *
   * @param from the first position of each context that is replaced
   */
  public EffectSums(int from) {
    this.from = from;
  }

  private static final class Sums {
    final double[] losses = new double[VARIANTS];
    final double[] divergences = new double[VARIANTS];
    long predicted;
    long count;

    void add(Sums other) {
      for (int v = 0; v < VARIANTS; v++) {
        losses[v] += other.losses[v];
        divergences[v] += other.divergences[v];
      }
      predicted += other.predicted;
      count += other.count;
    }

    double loss(int variant) {
      return losses[variant] / predicted;
    }

    double divergence(int variant) {
      return divergences[variant] / count;
    }

    double lossScore(int ablation) {
      return (loss(ablation) - loss(RECONSTRUCTION)) / (loss(ablation) - loss(CLEAN));
    }

    double divergenceScore(int ablation) {
      return (divergence(ablation) - divergence(RECONSTRUCTION)) / divergence(ablation);
    }
  }

  /**
   * Adds a batch.
   *
   * @param found of the unchanged model, with mean ablation, with the reconstruction and with zero
   *     ablation, in this order
   */
  public void add(Predictions found) {
    for (int i = 0; i < found.positions().length; i++) {
      if (found.positions()[i] < from) {
        continue;
      }
      Sums sums = at(found.positions()[i]);
      sums.count++;
      if (i < found.known()) {
        sums.predicted++;
      }
      for (int v = 0; v < VARIANTS; v++) {
        sums.divergences[v] += found.divergences()[v][i];
        if (i < found.known()) {
          sums.losses[v] += found.losses()[v][i];
        }
      }
    }
  }

  private Sums at(int position) {
    while (positions.size() <= position) {
      positions.add(new Sums());
    }
    return positions.get(position);
  }

  /** The effect; null if no token was predicted at a replaced position. */
  public ModelEffect effect() {
    Sums all = new Sums();
    positions.forEach(all::add);
    if (all.predicted == 0) {
      return null;
    }
    return new ModelEffect(
        all.predicted,
        all.count,
        all.loss(CLEAN),
        all.loss(RECONSTRUCTION),
        all.loss(ZERO),
        all.loss(MEAN),
        finite(all.lossScore(ZERO)),
        finite(all.lossScore(MEAN)),
        all.divergence(RECONSTRUCTION),
        all.divergence(ZERO),
        all.divergence(MEAN),
        finite(all.divergenceScore(ZERO)),
        finite(all.divergenceScore(MEAN)),
        byPosition());
  }

  private static Double finite(double value) {
    return Double.isFinite(value) ? value : null;
  }

  private PositionMeasures byPosition() {
    return new PositionMeasures(
        List.of(
            new PositionMeasures.Column("predictions", column(sums -> sums.predicted), true),
            of("ce_loss_without", sums -> sums.loss(CLEAN)),
            of("ce_loss_with_reconstruction", sums -> sums.loss(RECONSTRUCTION)),
            of("ce_loss_with_zero_ablation", sums -> sums.loss(ZERO)),
            of("ce_loss_with_mean_ablation", sums -> sums.loss(MEAN)),
            of("ce_loss_score", sums -> sums.lossScore(ZERO)),
            of("ce_loss_score_mean", sums -> sums.lossScore(MEAN)),
            new PositionMeasures.Column("divergences", column(sums -> sums.count), true),
            of("kl_with_reconstruction", sums -> sums.divergence(RECONSTRUCTION)),
            of("kl_with_zero_ablation", sums -> sums.divergence(ZERO)),
            of("kl_with_mean_ablation", sums -> sums.divergence(MEAN)),
            of("kl_score", sums -> sums.divergenceScore(ZERO)),
            of("kl_score_mean", sums -> sums.divergenceScore(MEAN))));
  }

  private PositionMeasures.Column of(String name, ToDoubleFunction<Sums> value) {
    return new PositionMeasures.Column(name, column(value), false);
  }

  private double[] column(ToDoubleFunction<Sums> value) {
    return positions.stream().mapToDouble(value).toArray();
  }
}
