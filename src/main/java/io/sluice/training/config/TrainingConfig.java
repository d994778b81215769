package io.sluice.training.config;

import io.sluice.dictionary.DictionaryConfig;
import io.sluice.dictionary.Site;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.Learned;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.activation.ReLU;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.spec.Optimiser;
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
 * @param start where features point at first
 * @param centre whether the decoder bias starts at the mean and the encoder sees {@code x − b_D}
 *     (where it does not write what it reads, {@code x} less its mean); otherwise the bias starts
 *     at 0 and the encoder sees {@code x}
 * @param normalise whether activations are scaled by one number so that their mean norm is {@code
 *     sqrt(d)}; the number is folded into the exported weights
 * @param normSearch whether the common length of the starting rows is the one that reconstructs a
 *     sample best; otherwise they start at length 1
 * @param rankByDecoderNorm whether features are ranked by {@code f · ‖decoder row‖}
 * @param optimiser Adam or SparseAdam; {@code NONE} is refused
 * @param learningRate peak learning rate
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param epsilon ε of Adam
 * @param batch tokens per step
 * @param steps optimiser steps
 * @param warmupSteps steps over which the learning rate rises linearly from 0
 * @param decaySteps last steps, over which it falls linearly to 0
 * @param seed what directions follow from
 * @param deadWindow tokens after which a feature that did not fire counts as dead
 * @param checkpointEvery steps between checkpoints; 0 for none
 * @param logEvery steps between lines of metrics
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
    InitialDirections start,
    boolean centre,
    boolean normalise,
    boolean normSearch,
    boolean rankByDecoderNorm,
    Optimiser optimiser,
    double learningRate,
    double beta1,
    double beta2,
    double epsilon,
    int batch,
    long steps,
    long warmupSteps,
    long decaySteps,
    long seed,
    long deadWindow,
    long checkpointEvery,
    long logEvery,
    int sampleRows,
    OptionalInt fromPosition,
    long dataSeed,
    double heldOut,
    Remedies remedies) {

  private static final long LONGEST_USUAL_DEAD_WINDOW = 10_000_000;

  public TrainingConfig {
    Objects.requireNonNull(hook, "hook");
    Objects.requireNonNull(kind, "kind");
    kind.requireFit(hook);
    Objects.requireNonNull(start, "start");
    Objects.requireNonNull(optimiser, "optimiser");
    if (optimiser == Optimiser.NONE) {
      throw new IllegalArgumentException("training needs an optimiser: adam or sparse-adam");
    }
    atLeast("features", features, 1);
    Objects.requireNonNull(sparsity, "sparsity");
    int most = Math.max(sparsity.k(), sparsity.firstK());
    if (most > features) {
      throw new IllegalArgumentException(
          "k (" + most + ") is more than the number of features (" + features + ")");
    }
    int last = 0;
    for (int end : sparsity.prefixes()) {
      if (end <= last || end >= features) {
        throw new IllegalArgumentException(
            "prefixes must ascend and be smaller than the %d features: %s"
                .formatted(features, sparsity.prefixes()));
      }
      last = end;
    }
    if (sparsity.activation() instanceof Pursuit
        && (rankByDecoderNorm || remedies.mapInput() || !(kind instanceof Kind.Autoencoder))) {
      throw new IllegalArgumentException(
          "matching_pursuit is for autoencoders, and goes without whitening, constrained training"
              + " and ranks by decoder norm");
    }
    if (!sparsity.prefixes().isEmpty() && kind instanceof Kind.Transcoder to && to.skip()) {
      throw new IllegalArgumentException(
          "nested prefixes cannot be combined with a skip connection: each would need its own");
    }
    if (kind instanceof Kind.CrossLayerTranscoder
        && (!(sparsity.activation() instanceof TopK || sparsity.activation() instanceof ReLU)
            || !sparsity.prefixes().isEmpty()
            || remedies.usesAuxK()
            || remedies.resampleEvery() > 0)) {
      throw new IllegalArgumentException(
          "a cross-layer transcoder takes topk or relu, and no nested prefixes, AuxK or resampling");
    }
    if (rankByDecoderNorm && sparsity.learned() != Learned.NOTHING) {
      throw new IllegalArgumentException(
          "what %s learns is of values; it does not rank by decoder norm"
              .formatted(sparsity.activation().label()));
    }
    if (!(learningRate > 0) || Double.isInfinite(learningRate)) {
      throw new IllegalArgumentException("learning rate must be positive, not " + learningRate);
    }
    if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1)) {
      throw new IllegalArgumentException("betas must lie in [0, 1): " + beta1 + " and " + beta2);
    }
    if (!(epsilon > 0)) {
      throw new IllegalArgumentException("epsilon must be positive, not " + epsilon);
    }
    atLeast("batch", batch, 1);
    atLeast("steps", steps, 1);
    atLeast("warm-up steps", warmupSteps, 0);
    atLeast("decay steps", decaySteps, 0);
    if (warmupSteps + decaySteps > steps) {
      throw new IllegalArgumentException(
          "warm-up (%d steps) and decay (%d steps) do not fit into %d steps"
              .formatted(warmupSteps, decaySteps, steps));
    }
    atLeast("dead window", deadWindow, 1);
    atLeast("steps between checkpoints", checkpointEvery, 0);
    atLeast("steps between metrics", logEvery, 1);
    atLeast("sample rows", sampleRows, 1);
    atLeast("first position", fromPosition.orElse(0), 0);
    if (!(heldOut >= 0 && heldOut <= HeldOut.LARGEST_SHARE)) {
      throw new IllegalArgumentException(
          "the share to hold out must be from 0 to %s, not %s"
              .formatted(HeldOut.LARGEST_SHARE, heldOut));
    }
    Objects.requireNonNull(remedies, "remedies");
    if (remedies.mapInput() && !(kind instanceof Kind.Autoencoder)) {
      throw new IllegalArgumentException(
          "whitened and constrained training are for dictionaries that write what they read");
    }
    if (remedies.whiten() && rankByDecoderNorm) {
      throw new IllegalArgumentException(
          "whitening changes the norms of decoder rows, so features cannot be ranked by them");
    }
    if (remedies.usesAuxK()
        && !(sparsity.activation() instanceof TopK || sparsity.activation() instanceof BatchTopK)) {
      throw new IllegalArgumentException(
          "AuxK goes with activations that count features, topk and batchtopk, not with "
              + sparsity.activation().label());
    }
    if (remedies.usesAuxK() && !sparsity.prefixes().isEmpty()) {
      throw new IllegalArgumentException(
          "AuxK goes with one dictionary, not with nested ones: " + sparsity.prefixes());
    }
  }

  private static void atLeast(String name, long value, long least) {
    if (value < least) {
      throw new IllegalArgumentException(name + " must be at least " + least + ", not " + value);
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

  /** What a run on a store keeps apart. */
  public HeldOut heldOut(ActivationStore store) throws IOException {
    return store.heldOut(heldOut, dataSeed, firstPosition(store));
  }

  /**
   * The dead window of a run over {@code tokens} that was given none: 10,000,000 tokens, or a
   * quarter of the run if that is less.
   */
  public static long usualDeadWindow(long tokens) {
    return Math.clamp(tokens / 4, 1, LONGEST_USUAL_DEAD_WINDOW);
  }

  /** The first position of each context of a store that takes part. */
  public int firstPosition(ActivationStore store) {
    return fromPosition.orElse(store.firstPosition());
  }

  /** Tokens without firing that make a feature dead for AuxK and resampling. */
  public long deadAfter() {
    return remedies.deadAfter() == 0 ? deadWindow : remedies.deadAfter();
  }

  /** The learning rate of step {@code step}, counted from 1. */
  public double learningRate(long step) {
    double rate = learningRate;
    if (step < warmupSteps) {
      rate *= (double) step / warmupSteps;
    }
    long left = steps - step + 1;
    if (left < decaySteps) {
      rate *= (double) left / decaySteps;
    }
    return rate;
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
            rankByDecoderNorm)
        .withSites(outputs.size() > 1 ? outputs : List.of())
        .withPrefixes(sparsity.prefixes());
  }
}
