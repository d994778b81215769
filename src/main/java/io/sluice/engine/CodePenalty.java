package io.sluice.engine;

import io.sluice.engine.arithmetic.Arithmetic;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.arithmetic.GradientTerms;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Penalty;
import io.sluice.memory.ScratchArrays;
import java.util.Arrays;

/**
 * Penalties on codes, weighted by the lengths of their decoder rows ({@link Engine#penalise}):
 * their values, and their gradients with respect to codes and decoder rows.
 */
final class CodePenalty {
  private final EngineSpec spec;
  private final Arithmetic arithmetic;

  /** Lengths of decoder rows, and what a penalty adds to each row's gradient; once it is asked. */
  private double[] norms = new double[0];

  private double[] rowTerms = new double[0];
  private boolean added;

  CodePenalty(EngineSpec spec, Arithmetic arithmetic) {
    this.spec = spec;
    this.arithmetic = arithmetic;
  }

  /** Forgets the batch before. */
  void startBatch() {
    added = false;
  }

  /**
   * Adds a penalty's slopes to the gradients of codes, and keeps its part in the gradients of
   * decoder rows.
   *
   * @param factor of the penalty in the loss
   * @param values what is charged, by entry of {@code codes}; null for their values
   * @param gradients by entry, changed; null if there is no entry
   * @return the sum of what codes are charged, without {@code factor}
   */
  double add(Penalty penalty, double factor, Codes codes, float[] values, float[] gradients) {
    readNorms();
    rowTerms = ScratchArrays.atLeast(rowTerms, spec.features());
    Arrays.fill(rowTerms, 0);
    added = true;
    double sum = 0;
    int count = codes.entries();
    for (int entry = 0; entry < count; entry++) {
      int feature = codes.feature(entry);
      double value = values == null ? codes.value(entry) : values[entry];
      double charged = value * norms[feature];
      double slope = factor * penalty.slope(charged);
      sum += penalty.of(charged);
      gradients[entry] += (float) (slope * norms[feature]);
      rowTerms[feature] += slope * value;
    }
    for (int feature = 0; spec.siteCount() == 1 && feature < rowTerms.length; feature++) {
      rowTerms[feature] = norms[feature] > 0 ? rowTerms[feature] / norms[feature] : 0;
    }
    return sum;
  }

  /** Like {@link #add} returns it; changes nothing. */
  double sum(Penalty penalty, Codes codes, float[] values) {
    readNorms();
    double sum = 0;
    for (int entry = 0; entry < codes.entries(); entry++) {
      double value = values == null ? codes.value(entry) : values[entry];
      sum += penalty.of(value * norms[codes.feature(entry)]);
    }
    return sum;
  }

  private void readNorms() {
    norms = ScratchArrays.atLeast(norms, spec.features());
    arithmetic.readDecoderNorms(norms);
  }

  /** The lengths of decoder rows as {@link #add} found them. */
  double[] norms() {
    return norms;
  }

  /** {@link GradientTerms#decoderRows} of the batch. */
  double[] rowTerms() {
    return added ? rowTerms : null;
  }
}
