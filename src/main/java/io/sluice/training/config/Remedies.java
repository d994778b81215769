package io.sluice.training.config;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.function.Consumer;

/**
 * The remedies against dead features, except start, centring and optimiser. Each can be used alone
 * and with the others.
 *
 * @param whiten whether training uses the principal components of the input, each scaled to unit
 *     variance (arXiv 2511.13981)
 * @param whitenFloor variances below this share of the largest count as that share
 * @param constrain whether parameters, products and optimiser use only the top directions of the
 *     input; the other directions are replaced by their mean
 * @param dimensions how many directions that are; 0 takes the intrinsic dimension at {@code tau}
 * @param tau share of the variance that the intrinsic dimension holds, in (0, 1]
 * @param usesAuxK whether dead features learn the residual (AuxK, arXiv 2406.04093)
 * @param auxK how many dead features of a token do; 0 takes half the width of the activations
 * @param auxWeight weight of their loss, relative to the squared error
 * @param resampleEvery steps after which dead features start anew at inputs that are reconstructed
 *     badly (Bricken et al. 2023), again and again; 0 for never
 * @param resampleUntil last step at which they may; 0 takes half of the run
 * @param deadAfter tokens without firing that make a feature dead for these two; 0 takes the window
 *     of the dead fraction
 */
public record Remedies(
    boolean whiten,
    double whitenFloor,
    boolean constrain,
    int dimensions,
    double tau,
    @JsonProperty("revive") boolean usesAuxK,
    int auxK,
    double auxWeight,
    long resampleEvery,
    long resampleUntil,
    long deadAfter) {
  /** None of them. */
  public static final Remedies NONE = new Remedies(false, 0, false, 0, 1, false, 0, 0, 0, 0, 0);

  /** The default floor of whitening, a little above the relative precision of float32. */
  public static final double WHITEN_FLOOR = 1e-6;

  /** The default weight of AuxK's loss, that of Gao et al. */
  public static final double AUX_WEIGHT = 1.0 / 32;

  public Remedies {
    if (!(whitenFloor >= 0 && whitenFloor <= 1) || whiten && whitenFloor == 0) {
      throw new IllegalArgumentException(
          "the whitening floor must lie in (0, 1], not " + whitenFloor);
    }
    atLeastZero("directions of constrained training", dimensions);
    if (!(tau > 0 && tau <= 1)) {
      throw new IllegalArgumentException("tau must lie in (0, 1], not " + tau);
    }
    atLeastZero("dead features per token", auxK);
    if (!(auxWeight >= 0) || Double.isInfinite(auxWeight)) {
      throw new IllegalArgumentException("AuxK's weight must be at least 0, not " + auxWeight);
    }
    atLeastZero("steps between resamplings", resampleEvery);
    atLeastZero("the last step of resampling", resampleUntil);
    atLeastZero("tokens without firing", deadAfter);
  }

  private static void atLeastZero(String what, long value) {
    if (value < 0) {
      throw new IllegalArgumentException(what + ": must be at least 0, not " + value);
    }
  }

  /** These remedies and whitening with a floor. */
  public Remedies whitened(double floor) {
    return with(
        copy -> {
          copy.whiten = true;
          copy.whitenFloor = floor;
        });
  }

  /** These remedies and constrained training. */
  public Remedies constrainedTo(int directions, double share) {
    return with(
        copy -> {
          copy.constrain = true;
          copy.dimensions = directions;
          copy.tau = share;
        });
  }

  /** These remedies and AuxK. */
  public Remedies withAuxK(int k, double weight) {
    return with(
        copy -> {
          copy.usesAuxK = true;
          copy.auxK = k;
          copy.auxWeight = weight;
        });
  }

  /** These remedies and resampling. */
  public Remedies resampled(long every, long until) {
    return with(
        copy -> {
          copy.resampleEvery = every;
          copy.resampleUntil = until;
        });
  }

  /**
   * These remedies with another number of tokens after which AuxK and resampling count a feature as
   * dead.
   */
  public Remedies deadAfter(long tokens) {
    return with(copy -> copy.deadAfter = tokens);
  }

  private Remedies with(Consumer<Copy> change) {
    Copy copy = new Copy(this);
    change.accept(copy);
    return new Remedies(
        copy.whiten,
        copy.whitenFloor,
        copy.constrain,
        copy.dimensions,
        copy.tau,
        copy.usesAuxK,
        copy.auxK,
        copy.auxWeight,
        copy.resampleEvery,
        copy.resampleUntil,
        copy.deadAfter);
  }

  /** What a copy may differ in. */
  private static final class Copy {
    boolean whiten;
    double whitenFloor;
    boolean constrain;
    int dimensions;
    double tau;
    boolean usesAuxK;
    int auxK;
    double auxWeight;
    long resampleEvery;
    long resampleUntil;
    long deadAfter;

    Copy(Remedies remedies) {
      whiten = remedies.whiten;
      whitenFloor = remedies.whitenFloor;
      constrain = remedies.constrain;
      dimensions = remedies.dimensions;
      tau = remedies.tau;
      usesAuxK = remedies.usesAuxK;
      auxK = remedies.auxK;
      auxWeight = remedies.auxWeight;
      resampleEvery = remedies.resampleEvery;
      resampleUntil = remedies.resampleUntil;
      deadAfter = remedies.deadAfter;
    }
  }

  /** Whether the engine sees something else than the scaled activations. */
  public boolean mapInput() {
    return whiten || constrain;
  }

  /** Whether dead features are resampled after {@code step} of a run of {@code steps}. */
  public boolean resamplesAfter(long step, long steps) {
    long last = resampleUntil == 0 ? steps / 2 : resampleUntil;
    return resampleEvery > 0 && step % resampleEvery == 0 && step <= last && step < steps;
  }
}
