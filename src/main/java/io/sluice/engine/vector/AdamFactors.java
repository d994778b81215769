package io.sluice.engine.vector;

import io.sluice.engine.spec.AdamStep;
import io.sluice.simd.adam.AdamRows;

/** Converts an {@link AdamStep} to the arguments of {@link AdamRows}. */
public final class AdamFactors {
  private AdamFactors() {}

  /** The factors of a step; decays are left to the caller, who may have missed some. */
  public static AdamRows.Factors of(AdamStep step) {
    return new AdamRows.Factors(
        (float) (1 - step.beta1()),
        (float) (1 - step.beta2()),
        (float) (step.learningRate() / step.firstCorrection()),
        (float) (1 / Math.sqrt(step.secondCorrection())),
        (float) step.epsilon(),
        step.step());
  }
}
