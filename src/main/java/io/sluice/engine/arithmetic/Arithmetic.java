package io.sluice.engine.arithmetic;

import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.spec.AdamStep;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.StateTensor;
import io.sluice.memory.Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.function.DoubleSupplier;

/**
 * The part of an engine that differs between devices: parameters and moments of one dictionary, and
 * the sums and products over them. {@code CheckedEngine} calls it in the order of {@code Engine},
 * with checked arguments. What is the same on all devices is in {@code CheckedEngine}: the order of
 * calls, and on codes in host memory thresholds and gates, matching pursuit, penalties and dead
 * features. An arithmetic may do these where its codes are: {@link #activations}, {@link #pursuit},
 * {@link #decodeDead(int, double, long)}.
 *
 * <p>The arithmetic keeps the results of one method for the next (the batch, its residual,
 * gradients of its codes) on its device. Sums are the same in every run and do not depend on the
 * number of threads.
 */
public interface Arithmetic extends AutoCloseable {

  /** Makes the arithmetic of one engine. */
  @FunctionalInterface
  interface Factory {
    /**
     * An arithmetic that starts from a copy of {@code initial}, with moments of zero.
     *
     * @param initial of the shape that {@code spec} says; null for zeros
     */
    Arithmetic open(EngineSpec spec, DictionaryParameters initial);
  }

  /** A short name for people and files, for instance {@code torch cpu}. */
  String name();

  /** As {@code Engine.screen}. */
  default String screen() {
    return "none";
  }

  // ---- codes ----

  /** As {@code Engine.prepare}. */
  default void prepare(Rows input, Rows target) {}

  /**
   * Finds the codes of a batch by a selection that counts features.
   *
   * @param codes filled, unless the codes stay where they were computed
   * @return the codes if they stay where they were computed, else null
   */
  DeviceCodes encode(Rows input, ActivationFunction selection, Codes codes);

  /**
   * Finds the features whose score, by the pre-activation, is above their bound, which may be
   * negative.
   *
   * @param bounds one for each feature
   */
  void encodeAbove(Rows input, float[] bounds, Codes codes);

  /**
   * Thresholds, gates and penalties on the codes where they stay; null if codes are in host memory.
   */
  default DeviceActivations activations() {
    return null;
  }

  /** Loads a batch whose parts were encoded one after the other, to decode it as a whole. */
  void load(Rows input);

  /**
   * Finds each token's {@code k} features of the largest scores among some, of the batch that was
   * decoded last.
   *
   * @param features ascending; {@code count} of them
   * @param k at most {@code count}
   */
  void encodeAmong(int[] features, int count, int k, Codes found);

  /** All encoder biases. */
  void readEncoderBias(float[] out);

  // ---- reconstruction and gradients of codes ----

  /**
   * Decodes; keeps what {@link #accumulate} needs when {@code gradients}.
   *
   * @param codes what {@link #encode} filled, or any if it kept the codes itself
   * @return the squared error of ŷ, summed over rows and columns
   */
  double decode(Rows input, Rows target, Codes codes, boolean gradients);

  /**
   * Like {@link #decode} with gradients, but keeps the error where it is computed, until {@link
   * #takeResults}.
   *
   * @return false, with nothing done, where there is no wait for the error
   */
  default boolean decodeForTraining(Rows input, Rows target, Codes codes) {
    return false;
  }

  /** As {@code Engine.takeResults}: those of {@link #decodeForTraining}. */
  default List<BatchResult> takeResults() {
    return List.of();
  }

  /**
   * Puts a second batch below the one that was decoded: the same inputs, the codes {@code dead},
   * and as the gradient of the reconstruction {@code 2·weight/rows · (Σ f_j·W_D[j] + ŷ − y)}. Forms
   * the gradients of its codes, and keeps what {@link #accumulate} needs for both.
   *
   * @return {@code weight/rows · Σ‖Σ f_j·W_D[j] + ŷ − y‖²}
   */
  double decodeDead(Codes dead, double weight);

  /** What {@link #decodeDead(int, double, long)} returns if no feature is dead. */
  DoubleSupplier NOTHING_DEAD = () -> 0;

  /**
   * What {@link #encodeAmong} and {@link #decodeDead(Codes, double)} do, without host memory, where
   * the codes of the batch stayed where they were computed. Dead are the features that are not in
   * the batch's codes and fired last at {@code clock} or before.
   *
   * @param k features of a token, fewer if fewer are dead
   * @return what {@code decodeDead} does, computed when it is asked for, until the next {@link
   *     #encode}; {@link #NOTHING_DEAD} if no feature is dead; empty, with nothing done, where the
   *     codes are in host memory
   */
  default Optional<DoubleSupplier> decodeDead(int k, double weight, long clock) {
    return Optional.empty();
  }

  /** {@code ⟨g, W_D[j]⟩} for each entry of {@code places}, after {@link #decode}. */
  void residualProducts(Codes places, float[] out);

  /**
   * The gradient of the mean over rows of {@code ‖Σ w_j·W_D[j] + b_D − y‖²} by each weight.
   *
   * @param target the one that was decoded last
   * @param places the codes that were decoded last
   * @param weights one for each entry of {@code places}
   */
  void auxiliaryGradients(Rows target, Codes places, float[] weights, float[] out);

  /** The gradients of the batch's codes, by entry, in host memory that may be changed. */
  float[] codeGradients(int entries);

  /** Replaces the gradients of the batch's codes, by entry. */
  void setCodeGradients(float[] gradients, int entries);

  /** The lengths of all decoder rows; of several sites, the sums of the norms per site. */
  void readDecoderNorms(double[] out);

  /** Copies ŷ of the last decode, float32 {@code [rows, outputWidth]}. */
  void copyReconstruction(MemorySegment destination);

  // ---- optimiser ----

  /**
   * Forms the gradients of rows and biases from those of codes, or notes what {@link #update} needs
   * for it.
   *
   * @param codes of as many rows as {@code input} has, or after {@code decodeDead} of twice as
   *     many, of which the second half has no decoder bias; any if the arithmetic kept the codes
   *     itself
   */
  void accumulate(Rows input, Codes codes, GradientTerms terms);

  /**
   * Moves all parameters by one step.
   *
   * @param codes those of {@link #accumulate}
   */
  void update(AdamStep step, Codes codes);

  // ---- matching pursuit ----

  /** Matching pursuit where codes stay on the device; null if codes are in host memory. */
  default DevicePursuit pursuit() {
    return null;
  }

  /** The batch as the encoder sees it, {@code [rows, width]}. */
  void readCentred(Rows input, float[] out);

  /** Declares that decoder rows may have changed since the last {@link #bestFeatures}. */
  void startPursuit();

  /**
   * The feature whose decoder row has the largest product with each vector; −1 where none is
   * positive.
   *
   * @param vectors {@code [count, width]}
   */
  void bestFeatures(float[] vectors, int count, int[] features);

  /** Copies decoder rows, {@code [count, width]}; those of feature −1 stay as they are. */
  void readDecoderRows(int[] features, int count, float[] out);

  /** The gradient of the reconstruction, {@code [rows, width]}, after {@link #decode}. */
  void readReconstructionGradient(float[] out, int size);

  /**
   * Updates only decoder rows and bias.
   *
   * @param groups of the batch's codes
   * @param rowGradients of the features of {@code groups}, {@code [groups, width]}
   */
  void updateDecoder(
      AdamStep step, FeatureGroups groups, float[] rowGradients, float[] biasGradient);

  // ---- state ----

  /** When each feature fired last. */
  FiringClocks clocks();

  /**
   * DictionaryParameters and moments, and all other state that this arithmetic keeps from step to
   * step.
   */
  List<StateTensor> state();

  /** Rows of a tensor of {@link #state} in host memory: a view, or a copy in {@code arena}. */
  MemorySegment read(StateTensor tensor, long first, long count, Arena arena);

  /** Replaces rows of a tensor of {@link #state}. */
  void write(StateTensor tensor, long first, MemorySegment data);

  /** Frees all memory; called once. */
  @Override
  void close();
}
