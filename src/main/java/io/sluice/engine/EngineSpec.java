package io.sluice.engine;

/**
 * The shape of a dictionary and the options that change its arithmetic.
 *
 * @param inputWidth width of what the encoder reads
 * @param outputWidth width of what the decoder writes; equal to {@code inputWidth} in an
 *     autoencoder
 * @param features number of features, h
 * @param subtractDecoderBias whether the encoder sees {@code x − decoderBias}; needs equal widths.
 *     The decoder bias then gets a gradient through the encoder as well
 * @param rankByDecoderNorm whether features are ranked by {@code f · ‖decoder row‖} rather than by
 *     {@code f}, so that rescaling a feature changes nothing
 * @param optimiser how parameters move
 * @param learned what is learned for each feature beside its rows and its encoder bias
 */
public record EngineSpec(
    int inputWidth,
    int outputWidth,
    int features,
    boolean subtractDecoderBias,
    boolean rankByDecoderNorm,
    Optimiser optimiser,
    Learned learned) {

  /** Learns rows and biases only. */
  public EngineSpec(
      int inputWidth,
      int outputWidth,
      int features,
      boolean subtractDecoderBias,
      boolean rankByDecoderNorm,
      Optimiser optimiser) {
    this(
        inputWidth,
        outputWidth,
        features,
        subtractDecoderBias,
        rankByDecoderNorm,
        optimiser,
        Learned.NOTHING);
  }

  public EngineSpec {
    if (inputWidth < 1 || outputWidth < 1 || features < 1) {
      throw new IllegalArgumentException(
          "widths and features must be positive: input width "
              + inputWidth
              + ", output width "
              + outputWidth
              + ", features "
              + features);
    }
    if (subtractDecoderBias && inputWidth != outputWidth) {
      throw new IllegalArgumentException(
          "the decoder bias (width "
              + outputWidth
              + ") cannot be subtracted from inputs of width "
              + inputWidth);
    }
    java.util.Objects.requireNonNull(optimiser, "optimiser");
    java.util.Objects.requireNonNull(learned, "learned");
    if (learned != Learned.NOTHING && rankByDecoderNorm) {
      throw new IllegalArgumentException(
          "a learned " + learned + " is of values; it does not rank by decoder norm");
    }
  }

  /** The same with something else learned beside rows and biases. */
  public EngineSpec with(Learned other) {
    return new EngineSpec(
        inputWidth,
        outputWidth,
        features,
        subtractDecoderBias,
        rankByDecoderNorm,
        optimiser,
        other);
  }
}
