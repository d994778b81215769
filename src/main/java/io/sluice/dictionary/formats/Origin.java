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
 * @param centred whether TransformerLens centred what the model's blocks write ({@code
 *     center_writing_weights}), whatever the files say
 */
public record Origin(
    Optional<String> model,
    Optional<String> inputHook,
    Optional<String> outputHook,
    OptionalDouble activationScale,
    Optional<Boolean> centred) {
  /** Nothing in addition to the files. */
  public static final Origin UNKNOWN =
      new Origin(Optional.empty(), Optional.empty(), Optional.empty(), OptionalDouble.empty());

  /** Of whose model the files say whether it was centred. */
  public Origin(
      Optional<String> model,
      Optional<String> inputHook,
      Optional<String> outputHook,
      OptionalDouble activationScale) {
    this(model, inputHook, outputHook, activationScale, Optional.empty());
  }

  public Origin {
    if (activationScale.isPresent()
        && !(activationScale.getAsDouble() > 0 && Double.isFinite(activationScale.getAsDouble()))) {
      throw new IllegalArgumentException(
          "an activation scale must be positive, not " + activationScale.getAsDouble());
    }
  }

  /** The same, of which the caller knows the model or hook points, too; null where it does not. */
  public Origin named(String model, String inputHook, String outputHook) {
    return new Origin(
        Optional.ofNullable(model).or(() -> this.model),
        Optional.ofNullable(inputHook).or(() -> this.inputHook),
        Optional.ofNullable(outputHook).or(() -> this.outputHook),
        activationScale,
        centred);
  }

  /** The same with this scale. */
  public Origin scaled(double scale) {
    return new Origin(model, inputHook, outputHook, OptionalDouble.of(scale), centred);
  }
}
