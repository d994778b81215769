package io.sluice.training.config;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** How the encoder of a transcoder is initialised. */
public enum InitialEncoder {
  /**
   * At the decoder, pulled back through the best linear prediction of the target: {@code W_E =
   * W_D·Bᵀ} with {@code B = Σ_xx⁻¹ Σ_xy}, so that a feature at first has the value that a tied
   * encoder would give it on the linear prediction of the target from the input. For an autoencoder
   * this is the tied encoder.
   */
  PULL_BACK,

  /** At the decoder itself; needs equal widths. */
  TIED,

  /** Random directions, uniform on the sphere and independent of the decoder. */
  RANDOM;

  /** The name in files and on the command line. */
  public String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /**
   * The constant with this label.
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
        "unknown encoder start '"
            + label
            + "'; known: "
            + Arrays.stream(values()).map(InitialEncoder::label).collect(Collectors.joining(", ")));
  }
}
