package io.sluice.training.config;

import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.Site;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.Learned;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.memory.DType;
import io.sluice.store.ActivationStore;
import io.sluice.store.HeldOut;
import io.sluice.store.RowFilter;
import java.io.IOException;
import java.util.List;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * Everything that decides how a sparse dictionary is trained. The same configuration, store and
 * engine give the same weights, bit for bit.
 *
 * @param hook column of the store to learn, for instance {@code layers.3.attn_out}
 * @param kind what the dictionary writes: that column again, or another
 * @param features number of features, h
 * @param sparsity which features stay, and what that costs
 * @param start where features point at first, or the dictionary that training goes on from
 * @param centre whether the decoder bias starts at the mean and the encoder sees {@code x − b_D}
 *     (where it does not write what it reads, {@code x} less its mean); otherwise the bias starts
 *     at 0 and the encoder sees {@code x}
 * @param normalise whether activations are scaled by one number so that their mean norm is {@code
 *     sqrt(d)}; the number is folded into the exported weights
 * @param normSearch whether the common length of the starting rows is the one that reconstructs a
 *     sample best; otherwise they start at length 1
 * @param scoreByDecoderNorm whether the score of a feature is {@code f · ‖decoder row‖}
 * @param optimiser Adam or SparseAdam; {@code NONE} is refused
 * @param moments element type of Adam's moments of rows: float32, or bfloat16, which takes half the
 *     memory and is rounded at random
 * @param precision element type of the encoder's product in training: float32, or bfloat16, which
 *     only engines over LibTorch have. Dictionaries are exported in float32
 * @param schedule how long, in which steps
 * @param seed what directions follow from
 * @param sampleRows rows that mean, scale, subspace and norm are estimated from
 * @param fromPosition first position of each context that is learned; empty for {@link
 *     ActivationStore#firstPosition}, which leaves out attention sinks
 * @param dataSeed what the order of the data, and the sample, follow from instead of {@code seed}
 * @param heldOut share of the tokens that is kept apart and measured on, by the rule of {@link
 *     HeldOut} with the data seed; 0 for none
 * @param remedies what else is done against dead features
 */
public record TrainingConfig(
    String hook,
    Kind kind,
    int features,
    SparsityConfig sparsity,
    Start start,
    boolean centre,
    boolean normalise,
    boolean normSearch,
    boolean scoreByDecoderNorm,
    Optimiser optimiser,
    DType moments,
    DType precision,
    Schedule schedule,
    long seed,
    int sampleRows,
    OptionalInt fromPosition,
    long dataSeed,
    double heldOut,
    Remedies remedies) {

  public TrainingConfig {
    Objects.requireNonNull(hook, "hook");
    Objects.requireNonNull(kind, "kind");
    kind.requireFit(hook);
    Objects.requireNonNull(start, "start");
    Objects.requireNonNull(optimiser, "optimiser");
    if (optimiser == Optimiser.NONE) {
      throw new IllegalArgumentException("training needs an optimiser: adam or sparse-adam");
    }
    EngineSpec.requireMoments(moments);
    EngineSpec.requirePrecision(precision);
    Schedule.atLeast("features", features, 1);
    Objects.requireNonNull(sparsity, "sparsity");
    int most = Math.max(sparsity.k(), sparsity.firstK());
    if (most > features) {
      throw new IllegalArgumentException(
          "k (" + most + ") is more than the number of features (" + features + ")");
    }
    EngineSpec.requireNested(sparsity.prefixes(), features);
    Objects.requireNonNull(remedies, "remedies");
    kind.requireFit(sparsity, remedies);
    if (sparsity.activation() instanceof Pursuit && (scoreByDecoderNorm || remedies.mapInput())) {
      throw new IllegalArgumentException(
          "matching_pursuit cannot be combined with whitening, constrained training or scores by"
              + " decoder norm");
    }
    if (sparsity.activation() instanceof Pursuit && precision != DType.F32) {
      throw new IllegalArgumentException(
          "matching_pursuit has no encoder's product that could be in " + precision.label());
    }
    if (scoreByDecoderNorm && sparsity.learned() != Learned.NOTHING) {
      throw new IllegalArgumentException(
          "the learned thresholds of %s are compared with values, so scores cannot include decoder norms"
              .formatted(sparsity.activation().label()));
    }
    Objects.requireNonNull(schedule, "schedule");
    Schedule.atLeast("dead window", schedule.deadWindow(), 1);
    Schedule.atLeast("sample rows", sampleRows, 1);
    Schedule.atLeast("first position", fromPosition.orElse(0), 0);
    if (!(heldOut >= 0 && heldOut <= HeldOut.LARGEST_SHARE)) {
      throw new IllegalArgumentException(
          "the share to hold out must be from 0 to %s, not %s"
              .formatted(HeldOut.LARGEST_SHARE, heldOut));
    }
    if (remedies.whiten() && scoreByDecoderNorm) {
      throw new IllegalArgumentException(
          "whitening changes the norms of decoder rows, so scores cannot include them");
    }
    if (start instanceof FromDictionary && remedies.mapInput()) {
      throw new IllegalArgumentException(
          "whitened and constrained training begin with new parameters, not with a dictionary");
    }
    if (remedies.usesAuxK()
        && !(sparsity.activation() instanceof TopK || sparsity.activation() instanceof BatchTopK)) {
      throw new IllegalArgumentException(
          "AuxK needs an activation that keeps a number of features (topk or batchtopk), not "
              + sparsity.activation().label());
    }
    if (remedies.usesAuxK() && !sparsity.prefixes().isEmpty()) {
      throw new IllegalArgumentException(
          "AuxK cannot be combined with nested prefixes: " + sparsity.prefixes());
    }
  }

  /** A configuration for {@code hook} with defaults for all else. */
  public static TrainingConfigBuilder of(String hook) {
    return new TrainingConfigBuilder(hook);
  }

  /** The rows of a store that are trained on, and that everything before is estimated from. */
  public RowFilter rows(ActivationStore store) throws IOException {
    return heldOut(store).trained();
  }

  /** The tokens of a store that a run holds out. */
  public HeldOut heldOut(ActivationStore store) throws IOException {
    return store.heldOut(heldOut, dataSeed, firstPosition(store));
  }

  /** The first position of each context of a store that is used. */
  public int firstPosition(ActivationStore store) {
    return fromPosition.orElse(store.firstPosition());
  }

  /** Tokens without firing that make a feature dead for AuxK and resampling. */
  public long deadAfter() {
    return remedies.deadAfter() == 0 ? schedule.deadWindow() : remedies.deadAfter();
  }

  /** Features per token that stay, after all annealing. */
  public int k() {
    return sparsity.k();
  }

  /** How many features of a token stay at step {@code step}, counted from 1. */
  public int k(long step) {
    return sparsity.k(step);
  }

  /** Which features stay at step {@code step}, counted from 1. */
  public ActivationFunction activation(long step) {
    return sparsity.activation(step);
  }

  /**
   * What the dictionary will be.
   *
   * @param threshold what BatchTopK has found, in the units of the dictionary
   */
  public DictionaryConfig dictionary(
      String model, List<Site> inputs, List<Site> outputs, OptionalDouble threshold) {
    return new DictionaryConfig(
            model,
            Site.names(inputs),
            Site.names(outputs),
            Site.widths(inputs),
            Site.widths(outputs),
            features,
            sparsity.inUse(threshold),
            centre && inputs.equals(outputs),
            scoreByDecoderNorm)
        .withSites(outputs.size() > 1 ? outputs : List.of())
        .withPrefixes(sparsity.prefixes());
  }
}
