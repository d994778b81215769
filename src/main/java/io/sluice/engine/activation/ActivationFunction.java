package io.sluice.engine.activation;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.Fields;
import java.io.IOException;
import java.util.Map;
import java.util.Optional;

/**
 * The activation function of a dictionary: from pre-activations to a sparse code. It is applied
 * after ReLU, so that a code is > 0, except for {@link AbsTopK} and {@link Pursuit}. If the
 * dictionary's score includes the decoder norm, features are ordered by, and thresholds compared
 * with, {@code f · ‖decoder row‖}.
 *
 * <p>This is the one list of them, and {@link CustomActivation} is for those that others add.
 * Engines compute them, dictionaries are written with them and training is configured by them.
 * {@link LearnedJumpReLU} and {@link LearnedGated} exist only while an engine learns; a dictionary
 * in use has {@link JumpReLU} or {@link Gated} instead.
 */
public sealed interface ActivationFunction
    permits TopK,
        AbsTopK,
        BatchTopK,
        ReLU,
        JumpReLU,
        LearnedJumpReLU,
        Gated,
        LearnedGated,
        Pursuit,
        CustomActivation {

  /** The name in files and on the command line. */
  String label();

  /**
   * How many features of a token stay, at most or on average; 0 where their number is not given.
   */
  default int k() {
    return 0;
  }

  /** The same with {@code k} features per token; itself where their number is not given. */
  default ActivationFunction withK(int k) {
    return this;
  }

  /** Whether a penalty in the loss, and not a number, keeps codes few in training. */
  default boolean isPenalised() {
    return false;
  }

  /**
   * The activation function that an engine in training uses instead; itself where nothing is
   * learned with it.
   *
   * @param bandwidth width of the window in which values move the thresholds of JumpReLU
   */
  default ActivationFunction whileLearning(double bandwidth) {
    return this;
  }

  /** The parameters that an engine needs for each feature in addition to its rows and bias. */
  default Learned learned() {
    return Learned.NOTHING;
  }

  /** The thresholds of features, if these alone decide which stay. */
  default Optional<Thresholds> bounds() {
    return Optional.empty();
  }

  /**
   * Refuses a dictionary of {@code features} features that this does not fit.
   *
   * @throws IllegalArgumentException with both numbers
   */
  default void requireFit(int features) {
    if (k() > features) {
      throw new IllegalArgumentException(
          "k is " + k() + ", but the dictionary has only " + features + " features");
    }
    bounds().ifPresent(thresholds -> thresholds.requireFit(features));
  }

  /** Adds its settings to those of a dictionary; nothing where it has none. */
  default void write(ObjectNode json) {}

  /** Its settings of which each feature has one, {@code [features]}, by their names in files. */
  default Map<String, float[]> perFeature(int features) {
    return Map.of();
  }

  /**
   * The function of this label with the settings that {@link #write} and {@link #perFeature} gave.
   *
   * @throws IOException if one is missing or out of range; the message names the file
   */
  default ActivationFunction read(Fields json, PerFeature vectors, int features)
      throws IOException {
    return this;
  }

  /** Reads settings of which each feature has one. */
  @FunctionalInterface
  interface PerFeature {
    /**
     * The setting of this name, {@code [features]}.
     *
     * @throws IOException if there is none of this shape, or a value is not finite
     */
    float[] read(String name) throws IOException;
  }
}
