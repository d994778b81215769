package io.sluice.engine.activation;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.ServiceLoader;
import java.util.Set;

/** The activation functions by their names. */
public final class ActivationFunctions {
  private ActivationFunctions() {}

  /** One of each name, found once; k and thresholds stand for those that are read or given. */
  private static final class Found {
    static final List<ActivationFunction> ALL = find();

    private static List<ActivationFunction> find() {
      List<ActivationFunction> all =
          new ArrayList<>(
              List.of(
                  new TopK(1),
                  new AbsTopK(1),
                  new BatchTopK(1),
                  new ReLU(),
                  new JumpReLU(Thresholds.uniform(0)),
                  new Gated(Thresholds.uniform(0)),
                  new Pursuit(1, 0)));
      ServiceLoader.load(CustomActivation.class, ActivationFunctions.class.getClassLoader())
          .forEach(all::add);
      Set<String> labels = new HashSet<>();
      for (ActivationFunction each : all) {
        if (!labels.add(each.label())) {
          throw new IllegalStateException(
              "two activation functions are named '" + each.label() + "'; rename " + each);
        }
      }
      return List.copyOf(all);
    }
  }

  /** All names. */
  public static List<String> labels() {
    return Found.ALL.stream().map(ActivationFunction::label).toList();
  }

  /**
   * The activation function with this name and minimal settings: k is 1 and thresholds are 0.
   *
   * @throws IllegalArgumentException if there is none; the message lists those there are
   */
  public static ActivationFunction named(String label) {
    for (ActivationFunction each : Found.ALL) {
      if (each.label().equals(label)) {
        return each;
      }
    }
    throw new IllegalArgumentException(
        "unknown activation '" + label + "'; known: " + String.join(", ", labels()));
  }

  /**
   * Refuses a number of features that is less than 1.
   *
   * @throws IllegalArgumentException with the number
   */
  public static void requirePositive(int k) {
    if (k < 1) {
      throw new IllegalArgumentException("k must be at least 1, not " + k);
    }
  }
}
