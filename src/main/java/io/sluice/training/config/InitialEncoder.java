package io.sluice.training.config;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** Where the encoder of a dictionary starts that does not write what it reads. */
public enum InitialEncoder {
  /**
   * At the decoder, pulled back through the best linear prediction of the target: {@code W_E =
   * W_D·Bᵀ} with {@code B = Σ_xx⁻¹ Σ_xy}, so that a feature at first measures what a tied one would
   * measure on the part of the target that follows linearly from the input. For an autoencoder that
   * is the tied encoder itself.
   */
  PULL_BACK,

  /** At the decoder itself; needs equal widths. */
  TIED,

  /** Directions of its own, uniform on the sphere. */
  RANDOM;

  /** The name in files and on the command line. */
  public String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /**
   * The one of this name.
   *
   * @throws IllegalArgumentException if there is none; the message lists those there are
   */
  public static InitialEncoder ofLabel(String label) {
    for (InitialEncoder each : values()) {
      if (each.label().equals(label)) {
        return each;
      }
    }
    throw new IllegalArgumentException(
        "unknown start of the encoder '"
            + label
            + "'; known: "
            + Arrays.stream(values()).map(InitialEncoder::label).collect(Collectors.joining(", ")));
  }
}
