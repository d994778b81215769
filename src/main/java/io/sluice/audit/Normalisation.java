package io.sluice.audit;

import io.sluice.engine.TokenNorm;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * What is done to activations before a dictionary reads them. What an autoencoder writes is
 * converted back.
 */
public enum Normalisation {
  /** Nothing. */
  NONE("none", "unchanged activations"),

  /** {@code x · √d / ‖x‖}. */
  UNIT("unit", "each token scaled to length √d"),

  /** {@code c · x}, with the {@code c} that makes the mean of {@code ‖x‖} equal to {@code √d}. */
  CONSTANT("constant", "activations scaled to a mean length of √d"),

  /** {@code (x − mean) / std} over the token's own values. */
  LAYER_NORM("layer_norm", "each token normalised by its own mean and standard deviation"),

  /** {@code x − μ}, with the mean {@code μ} over all tokens. */
  MEAN("mean", "the mean of the activations subtracted"),

  /**
   * {@code x − mean}, with the mean over the token's own values. Tried only where it is promised.
   */
  CENTRED("centred", "each token without the mean of its own values");

  private final String label;
  private final String words;

  Normalisation(String label, String words) {
    this.label = label;
    this.words = words;
  }

  /** Its name in {@code audit.json}. */
  public String label() {
    return label;
  }

  /** What the dictionary reads, in words. */
  public String words() {
    return words;
  }

  /**
   * Those that are tried with a dictionary. {@link #CENTRED} is only where it is promised: if the
   * means of tokens are small, it differs too little from {@link #NONE} to tell.
   */
  public static List<Normalisation> tried(Normalisation promised) {
    return Arrays.stream(values()).filter(each -> each != CENTRED || each == promised).toList();
  }

  /** The normalisation of each token by itself, where it is one. */
  Optional<TokenNorm.Kind> ofTokens() {
    return switch (this) {
      case UNIT -> Optional.of(TokenNorm.Kind.CONSTANT_NORM_RESCALE);
      case LAYER_NORM -> Optional.of(TokenNorm.Kind.LAYER_NORM);
      case CENTRED -> Optional.of(TokenNorm.Kind.CENTRED);
      case NONE, CONSTANT, MEAN -> Optional.empty();
    };
  }

  /** What a dictionary's configuration does. */
  static Normalisation of(Optional<TokenNorm> norm) {
    if (norm.isEmpty()) {
      return NONE;
    }
    return switch (norm.get().kind()) {
      case LAYER_NORM -> LAYER_NORM;
      case CONSTANT_NORM_RESCALE -> UNIT;
      case CENTRED -> CENTRED;
    };
  }
}
