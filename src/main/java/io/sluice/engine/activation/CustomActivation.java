package io.sluice.engine.activation;

/**
 * An activation function that the list does not have yet: the open member of {@link
 * ActivationFunction}. It chooses among the scores of one token at a time; engines, the encoder for
 * services, training and files take it from there. A public class with a public constructor without
 * arguments, named in a file {@code META-INF/services/io.sluice.engine.activation.CustomActivation}
 * on the class path, is found by its {@link #label}, in dictionaries and on the command line.
 *
 * <p>An instance is immutable, and any number of threads may use it at once. It needs all
 * pre-activations of a token side by side, which the functions of this package do without, so it is
 * slower than they are; {@code docs/extending.md} says what makes it as fast.
 *
 * <p>One that only compares features with thresholds gives {@link #bounds} instead; then {@link
 * #choose} is not called.
 */
public non-sealed interface CustomActivation extends ActivationFunction {

  /**
   * Chooses the features of a token that stay. Those with a score of 0 cannot.
   *
   * @param scores of all features: the pre-activation after ReLU, multiplied by the norm of the
   *     decoder row where the dictionary scores by it; not to be changed or kept
   * @param chosen receives the features, each once, in any order; as long as {@code scores}
   * @return how many were chosen; at most {@link #k} where that is not 0
   */
  int choose(float[] scores, int[] chosen);
}
