package io.sluice.engine;

import java.util.Arrays;

/**
 * Matching pursuit and its gradients, for any engine ({@link Selection.Pursuit}). The engine finds
 * the best feature of each residual, which is all the work there is; what is done with it, a few
 * rows for each token, is done here in host memory.
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
final class MatchingPursuit {
  private final CheckedEngine engine;

  /** What is left of each token, {@code [rows, width]}. */
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

  private double[] later = new double[0];
  private double[] before = new double[0];
  private float[] rowGradients = new float[0];

  /** The active features and their decoder rows. */
  private int[] features = new int[0];

  private float[] active = new float[0];
  private float[] biasGradient = new float[0];
  private int[] groupOf = new int[0];

  MatchingPursuit(CheckedEngine engine) {
    this.engine = engine;
  }

  void encode(Rows input, Selection.Pursuit pursuit, Codes codes) {
    int width = input.width();
    int count = input.count();
    // It ends with a feature that was picked before, so there are no more picks than features.
    iterations = Math.min(pursuit.iterations(), engine.spec().features());
    long most = (long) count * iterations;
    if (most > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "%d rows of up to %d picks each are too many at a time".formatted(count, iterations));
    }
    int slots = (int) most;
    fit(count, width, slots);
    engine.readCentred(input, residuals);
    Arrays.fill(counts, 0, count, 0);
    int left = count;
    for (int token = 0; token < count; token++) {
      searching[token] = token;
    }
    engine.startPursuit();
    for (int t = 0; t < iterations && left > 0; t++) {
      for (int i = 0; i < left; i++) {
        System.arraycopy(residuals, searching[i] * width, open, i * width, width);
      }
      engine.bestFeatures(open, left, found);
      engine.decoderRows(found, left, rows);
      int still = 0;
      for (int i = 0; i < left; i++) {
        if (goesOn(searching[i], i, width, pursuit.residual())) {
          searching[still++] = searching[i];
        }
      }
      left = still;
    }
    write(codes, count);
  }

  /** Takes the feature found for a token, if it fits at all; says whether to search on. */
  private boolean goesOn(int token, int place, int width, double leastResidual) {
    int feature = found[place];
    int at = token * width;
    double product = 0;
    for (int i = 0; feature >= 0 && i < width; i++) {
      product += (double) residuals[at + i] * rows[place * width + i];
    }
    float amount = (float) product;
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
    double square = 0;
    for (int i = 0; i < width; i++) {
      float rest = (float) (residuals[at + i] - (double) amount * rows[place * width + i]);
      residuals[at + i] = rest;
      square += (double) rest * rest;
    }
    int first = token * iterations;
    int picked = first + counts[token]++;
    picks[picked] = feature;
    amounts[picked] = amount;
    for (int i = first; i < picked; i++) {
      if (picks[i] == feature) {
        return false;
      }
    }
    return Math.sqrt(square) >= leastResidual;
  }

  /** A token's features, ascending; one that was picked twice has both amounts. */
  private void write(Codes codes, int count) {
    int slots = 0;
    for (int token = 0; token < count; token++) {
      slots += counts[token];
    }
    codes.begin(count, slots);
    int entry = 0;
    for (int token = 0; token < count; token++) {
      int start = entry;
      int first = token * iterations;
      for (int pick = first; pick < first + counts[token]; pick++) {
        int at = entry;
        while (at > start && codes.feature(at - 1) > picks[pick]) {
          at--;
        }
        if (at > start && codes.feature(at - 1) == picks[pick]) {
          codes.put(at - 1, picks[pick], codes.value(at - 1) + amounts[pick]);
        } else {
          for (int i = entry++; i > at; i--) {
            codes.put(i, codes.feature(i - 1), codes.value(i - 1));
          }
          codes.put(at, picks[pick], amounts[pick]);
        }
      }
      codes.endRow(entry);
    }
  }

  /**
   * Forms the gradients.
   *
   * @param groups of the batch's codes
   * @param reconstructionGradient {@code G}, {@code [rows, width]}
   */
  void formGradients(int count, FeatureGroups groups, float[] reconstructionGradient) {
    EngineSpec spec = engine.spec();
    int width = spec.outputWidth();
    groupOf = groupOf.length > 0 ? groupOf : new int[spec.features()];
    for (int group = 0; group < groups.groups(); group++) {
      groupOf[groups.feature(group)] = group;
    }
    int size = Math.multiplyExact(groups.groups(), width);
    if (rowGradients.length < size) {
      rowGradients = new float[size];
      active = new float[size];
    }
    features = features.length >= groups.groups() ? features : new int[groups.groups()];
    for (int group = 0; group < groups.groups(); group++) {
      features[group] = groups.feature(group);
    }
    engine.decoderRows(features, groups.groups(), active);
    Arrays.fill(rowGradients, 0, size, 0);
    biasGradient = biasGradient.length == width ? biasGradient : new float[width];
    Arrays.fill(biasGradient, 0);
    later = later.length == width ? later : new double[width];
    before = before.length == width ? before : new double[width];
    for (int token = 0; token < count; token++) {
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

  /** The gradients of the active decoder rows, {@code [groups, width]}. */
  float[] rowGradients() {
    return rowGradients;
  }

  /** The gradient of the decoder bias. */
  float[] biasGradient() {
    return biasGradient;
  }

  private void fit(int count, int width, int slots) {
    int size = Math.multiplyExact(count, width);
    if (residuals.length < size) {
      residuals = new float[size];
      open = new float[size];
      rows = new float[size];
    }
    if (picks.length < slots) {
      picks = new int[slots];
      amounts = new float[slots];
    }
    if (counts.length < count) {
      counts = new int[count];
      searching = new int[count];
      found = new int[count];
    }
  }
}
