package io.sluice.engine;

import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.arithmetic.Arithmetic;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.arithmetic.DeviceCodes;
import io.sluice.engine.arithmetic.DevicePursuit;
import io.sluice.engine.arithmetic.FeatureGroups;
import io.sluice.engine.arithmetic.PursuitRule;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.memory.Rows;
import io.sluice.memory.ScratchArrays;
import java.util.Arrays;

/**
 * Matching pursuit ({@link Pursuit}) and its gradients, for any arithmetic. The arithmetic finds
 * the best feature of each residual, which takes almost all of the time. The rest, a few rows for
 * each token, is computed here in host memory.
 *
 * <p>With picks {@code j_t}, {@code a_t = ⟨r_{t−1}, W_D[j_t]⟩} and {@code r_t = r_{t−1} −
 * a_t·W_D[j_t]}, {@code G} the gradient of the reconstruction and {@code ρ_t} that of {@code r_t}
 * ({@code ρ_T = 0}), going back through the picks:
 *
 * <pre>
 * ∂a_t = ⟨G − ρ_t, W_D[j_t]⟩
 * ∂W_D[j_t] += a_t·(G − ρ_t) + ∂a_t·r_{t−1}
 * ρ_{t−1} = ρ_t + ∂a_t·W_D[j_t]
 * ∂b_D = Σ (G − ρ_0 where the encoder subtracts b_D)
 * </pre>
 */
final class MatchingPursuit implements AutoCloseable {
  private final EngineSpec spec;
  private final Arithmetic arithmetic;

  /** Null if codes are in host memory. */
  private final DevicePursuit device;

  /** The residual of each token, {@code [rows, width]}. */
  private float[] residuals = new float[0];

  /** Picks of each token in their order, {@code [rows, iterations]}, and how many there are. */
  private int[] picks = new int[0];

  private float[] amounts = new float[0];
  private int[] counts = new int[0];
  private int iterations;

  /** Tokens that still search, their residuals, and what was found for these. */
  private int[] searching = new int[0];

  private float[] open = new float[0];
  private int[] found = new int[0];
  private float[] rows = new float[0];

  /** A token's features, ascending, and their amounts. */
  private int[] ascending = new int[0];

  private float[] sums = new float[0];

  /** Going back through a token's picks: {@code ρ_t}, and the residual before the pick. */
  private double[] later = new double[0];

  private double[] before = new double[0];
  private float[] rowGradients = new float[0];

  /** The batch's codes by feature; once gradients are formed. */
  private FeatureGroups groups;

  /** The active features and their decoder rows. */
  private int[] features = new int[0];

  private float[] active = new float[0];
  private float[] biasGradient = new float[0];
  private int[] groupOf = new int[0];

  MatchingPursuit(EngineSpec spec, Arithmetic arithmetic) {
    this.spec = spec;
    this.arithmetic = arithmetic;
    this.device = arithmetic.pursuit();
  }

  /** Whether codes and gradients stay on the device. */
  boolean isOnDevice() {
    return device != null;
  }

  /** Fills the codes, or returns them if they stay on the device. */
  DeviceCodes encode(Rows input, Pursuit pursuit, Codes codes) {
    int width = input.width();
    int count = input.count();
    // It ends with a feature that was picked before, so there are no more picks than features.
    iterations = Math.min(pursuit.iterations(), spec.features());
    long most = (long) count * iterations;
    if (most > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "%d rows of up to %d picks each are too many at a time".formatted(count, iterations));
    }
    if (device != null) {
      return device.encode(input, iterations, pursuit.residual());
    }
    int slots = (int) most;
    fit(count, width, slots);
    arithmetic.readCentred(input, residuals);
    Arrays.fill(counts, 0, count, 0);
    int left = count;
    for (int token = 0; token < count; token++) {
      searching[token] = token;
    }
    arithmetic.startPursuit();
    for (int t = 0; t < iterations && left > 0; t++) {
      for (int i = 0; i < left; i++) {
        System.arraycopy(residuals, searching[i] * width, open, i * width, width);
      }
      arithmetic.bestFeatures(open, left, found);
      arithmetic.readDecoderRows(found, left, rows);
      int still = 0;
      for (int i = 0; i < left; i++) {
        if (goesOn(searching[i], i, width, pursuit.residual())) {
          searching[still++] = searching[i];
        }
      }
      left = still;
    }
    write(codes, count);
    return null;
  }

  /**
   * Adds the feature found for a token, unless the pursuit has ended; returns whether it continues.
   */
  private boolean goesOn(int token, int place, int width, double leastResidual) {
    int feature = found[place];
    int at = token * width;
    float amount = feature < 0 ? 0 : PursuitRule.amount(residuals, at, rows, place * width, width);
    if (Float.isNaN(amount) || Float.isInfinite(amount)) {
      throw new IllegalStateException(
          "feature "
              + feature
              + " has activation "
              + amount
              + " for row "
              + token
              + " of the batch: the input or the weights are not finite");
    }
    if (!(amount > 0)) {
      return false;
    }
    double left = PursuitRule.subtract(residuals, at, amount, rows, place * width, width);
    int first = token * iterations;
    int picked = first + counts[token]++;
    picks[picked] = feature;
    amounts[picked] = amount;
    for (int i = first; i < picked; i++) {
      if (picks[i] == feature) {
        return false;
      }
    }
    return left >= leastResidual;
  }

  /** A token's features, ascending; one that was picked twice has both amounts. */
  private void write(Codes codes, int count) {
    int slots = 0;
    for (int token = 0; token < count; token++) {
      slots += counts[token];
    }
    codes.begin(count, slots);
    ascending = ScratchArrays.atLeast(ascending, iterations);
    sums = ScratchArrays.atLeast(sums, iterations);
    int entry = 0;
    for (int token = 0; token < count; token++) {
      int first = token * iterations;
      int size = 0;
      for (int pick = first; pick < first + counts[token]; pick++) {
        size = PursuitRule.insert(ascending, sums, 0, size, picks[pick], amounts[pick]);
      }
      for (int i = 0; i < size; i++) {
        codes.put(entry++, ascending[i], sums[i]);
      }
      codes.endRow(entry);
    }
  }

  /** Forms the gradients for {@link Arithmetic#update} where the codes are. */
  void formGradientsOnDevice() {
    device.formGradients();
  }

  /**
   * Forms the gradients.
   *
   * @param codes of the batch
   * @param reconstructionGradient {@code G}, {@code [rows, width]}
   */
  void formGradients(Codes codes, float[] reconstructionGradient) {
    int width = spec.outputWidth();
    groups = groups == null ? new FeatureGroups(spec.features()) : groups;
    groups.group(codes);
    groupOf = ScratchArrays.atLeast(groupOf, spec.features());
    for (int group = 0; group < groups.groups(); group++) {
      groupOf[groups.feature(group)] = group;
    }
    int size = Math.multiplyExact(groups.groups(), width);
    rowGradients = ScratchArrays.atLeast(rowGradients, size);
    active = ScratchArrays.atLeast(active, size);
    features = ScratchArrays.atLeast(features, groups.groups());
    for (int group = 0; group < groups.groups(); group++) {
      features[group] = groups.feature(group);
    }
    arithmetic.readDecoderRows(features, groups.groups(), active);
    Arrays.fill(rowGradients, 0, size, 0);
    biasGradient = ScratchArrays.atLeast(biasGradient, width);
    Arrays.fill(biasGradient, 0);
    later = ScratchArrays.atLeast(later, width);
    before = ScratchArrays.atLeast(before, width);
    for (int token = 0; token < codes.rows(); token++) {
      goBack(token, width, reconstructionGradient);
      for (int i = 0; i < width; i++) {
        double own = reconstructionGradient[token * width + i];
        biasGradient[i] += (float) (spec.subtractDecoderBias() ? own - later[i] : own);
      }
    }
  }

  private void goBack(int token, int width, float[] gradient) {
    int at = token * width;
    Arrays.fill(later, 0);
    for (int i = 0; i < width; i++) {
      before[i] = residuals[at + i];
    }
    int last = token * iterations + counts[token] - 1;
    for (int pick = last; pick >= token * iterations; pick--) {
      int out = groupOf[picks[pick]] * width;
      double ofAmount = 0;
      for (int i = 0; i < width; i++) {
        before[i] += (double) amounts[pick] * active[out + i];
        ofAmount += (gradient[at + i] - later[i]) * active[out + i];
      }
      for (int i = 0; i < width; i++) {
        rowGradients[out + i] +=
            (float) (amounts[pick] * (gradient[at + i] - later[i]) + ofAmount * before[i]);
        later[i] += ofAmount * active[out + i];
      }
    }
  }

  /** Moves decoder rows and bias by the gradients. */
  void update(AdamStep step) {
    arithmetic.updateDecoder(step, groups, rowGradients, biasGradient);
  }

  @Override
  public void close() {
    if (groups != null) {
      groups.close();
    }
  }

  private void fit(int count, int width, int slots) {
    int size = Math.multiplyExact(count, width);
    residuals = ScratchArrays.atLeast(residuals, size);
    open = ScratchArrays.atLeast(open, size);
    rows = ScratchArrays.atLeast(rows, size);
    picks = ScratchArrays.atLeast(picks, slots);
    amounts = ScratchArrays.atLeast(amounts, slots);
    counts = ScratchArrays.atLeast(counts, count);
    searching = ScratchArrays.atLeast(searching, count);
    found = ScratchArrays.atLeast(found, count);
  }
}
