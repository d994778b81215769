package io.sluice.training.config;

import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.JumpReLU;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** The penalty of a code {@code f_j}, as a function of {@code u = f_j · ‖W_D[j]‖}. */
public enum PenaltyKind {
  /** {@code u}. */
  L1,

  /** {@code tanh(s·u)}. */
  TANH,

  /** {@code uᵖ}, with p falling from 1 as the run goes (p-annealing, arXiv 2408.00113). */
  POWER,

  /** 1, for JumpReLU only, whose thresholds feel it (arXiv 2407.14435). */
  L0;

  /** The name in files and on the command line. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The default penalty of an activation function. */
  public static PenaltyKind usual(ActivationFunction activation) {
    return activation instanceof JumpReLU ? L0 : L1;
  }

  /**
   * The constant with this label.
   *
   * @throws IllegalArgumentException if there is none; the message lists those there are
   */
  public static PenaltyKind ofLabel(String label) {
    for (PenaltyKind each : values()) {
      if (each.label().equals(label)) {
        return each;
      }
    }
    throw new IllegalArgumentException(
        "unknown penalty '"
            + label
            + "'; known: "
            + Arrays.stream(values()).map(PenaltyKind::label).collect(Collectors.joining(", ")));
  }
}
