package io.sluice.engine.arithmetic;

/** A code that is no finite number, because the input or the weights are not finite. */
public final class NonFiniteCodeException extends IllegalStateException {
  private static final long serialVersionUID = 1L;

  NonFiniteCodeException(int row, int feature, float value) {
    super(
        "feature %s has activation %s for row %s of the batch: the input or the weights are not finite"
            .formatted(feature, value, row));
  }
}
