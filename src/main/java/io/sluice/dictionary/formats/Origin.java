package io.sluice.dictionary.formats;

import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What the caller knows of a dictionary in addition to its files.
 *
 * @param model the model it was trained on
 * @param inputHook the hook point it reads; for an autoencoder also the one it writes
 * @param outputHook the hook point it writes
 * @param activationScale the factor of activations before the dictionary reads them; folded into
 *     the weights
 */
public record Origin(
    Optional<String> model,
    Optional<String> inputHook,
    Optional<String> outputHook,
    OptionalDouble activationScale) {
  /** Nothing in addition to the files. */
  public static final Origin UNKNOWN =
      new Origin(Optional.empty(), Optional.empty(), Optional.empty(), OptionalDouble.empty());

  public Origin {
    if (activationScale.isPresent()
        && !(activationScale.getAsDouble() > 0 && Double.isFinite(activationScale.getAsDouble()))) {
      throw new IllegalArgumentException(
          "an activation scale must be positive, not " + activationScale.getAsDouble());
    }
  }
}
