package io.sluice.engine.spec;

import io.sluice.engine.activation.Learned;
import io.sluice.memory.DType;
import java.util.List;
import java.util.Objects;

/**
 * The shape of a dictionary and the options that change its arithmetic.
 *
 * @param inputWidth width of what the encoder reads
 * @param outputWidth width of what the decoder writes; equal to {@code inputWidth} in an
 *     autoencoder
 * @param features number of features, h
 * @param subtractDecoderBias whether the encoder sees {@code x − decoderBias}; needs equal widths.
 *     The decoder bias then gets a gradient through the encoder as well
 * @param scoreByDecoderNorm whether the score of a feature is {@code f · ‖decoder row‖} rather than
 *     {@code f}, so that rescaling a feature changes nothing
 * @param optimiser how parameters move
 * @param learned what is learned for each feature beside its rows and its encoder bias
 * @param prefixes where nested dictionaries end, ascending, the last at {@code features}: each
 *     reconstructs with the features before its end alone, and the loss is the mean of their
 *     squared errors (Matryoshka, arXiv 2503.17547). One dictionary is one prefix
 * @param sites widths of the places that the decoder writes, side by side; where there are several,
 *     {@code ‖decoder row‖} is the sum of the norms per site everywhere. Empty for one
 * @param moments element type of the encoder's and decoder's moments of Adam: float32, or bfloat16,
 *     which is rounded at random so that the mean is right (see {@link
 *     io.sluice.simd.adam.StochasticRounding}). Moments of biases are float32 always
 * @param precision element type of the encoder's product: float32, or bfloat16, in which weights,
 *     tokens and results are rounded, so that codes are numbers of bfloat16. All else is float32
 */
public record EngineSpec(
    int inputWidth,
    int outputWidth,
    int features,
    boolean subtractDecoderBias,
    boolean scoreByDecoderNorm,
    Optimiser optimiser,
    Learned learned,
    List<Integer> prefixes,
    List<Integer> sites,
    DType moments,
    DType precision) {

  /** Learns rows and biases only. */
  public EngineSpec(
      int inputWidth,
      int outputWidth,
      int features,
      boolean subtractDecoderBias,
      boolean scoreByDecoderNorm,
      Optimiser optimiser) {
    this(
        inputWidth,
        outputWidth,
        features,
        subtractDecoderBias,
        scoreByDecoderNorm,
        optimiser,
        Learned.NOTHING,
        List.of(features),
        List.of(),
        DType.F32,
        DType.F32);
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
    Objects.requireNonNull(optimiser, "optimiser");
    Objects.requireNonNull(learned, "learned");
    prefixes = List.copyOf(prefixes);
    requireWhole(prefixes, features);
    if (learned != Learned.NOTHING && prefixes.size() > 1) {
      throw new IllegalArgumentException(
          "nested prefixes need a number of features per token and cannot be combined with a learned "
              + learned);
    }
    sites = List.copyOf(sites);
    if (!sites.isEmpty()
        && (sites.stream().anyMatch(width -> width < 1)
            || sites.stream().mapToLong(Integer::longValue).sum() != outputWidth)) {
      throw new IllegalArgumentException(
          "sites of widths " + sites + " do not make up an output of width " + outputWidth);
    }
    requireMoments(moments);
    requirePrecision(precision);
    if (learned != Learned.NOTHING && scoreByDecoderNorm) {
      throw new IllegalArgumentException(
          "a learned "
              + learned
              + " is compared with values, so scores cannot include decoder norms");
    }
  }

  /** The same with something else learned beside rows and biases. */
  public EngineSpec with(Learned other) {
    return new EngineSpec(
        inputWidth,
        outputWidth,
        features,
        subtractDecoderBias,
        scoreByDecoderNorm,
        optimiser,
        other,
        prefixes,
        sites,
        moments,
        precision);
  }

  /** The same with a decoder that writes several places, side by side. */
  public EngineSpec writing(List<Integer> widths) {
    return new EngineSpec(
        inputWidth,
        outputWidth,
        features,
        subtractDecoderBias,
        scoreByDecoderNorm,
        optimiser,
        learned,
        prefixes,
        widths,
        moments,
        precision);
  }

  /** The same with moments of this element type. */
  public EngineSpec withMoments(DType type) {
    return new EngineSpec(
        inputWidth,
        outputWidth,
        features,
        subtractDecoderBias,
        scoreByDecoderNorm,
        optimiser,
        learned,
        prefixes,
        sites,
        type,
        precision);
  }

  /** The same with an encoder's product in this element type. */
  public EngineSpec withPrecision(DType type) {
    return new EngineSpec(
        inputWidth,
        outputWidth,
        features,
        subtractDecoderBias,
        scoreByDecoderNorm,
        optimiser,
        learned,
        prefixes,
        sites,
        moments,
        type);
  }

  /**
   * Checks the element type of moments.
   *
   * @throws IllegalArgumentException if it is neither float32 nor bfloat16
   */
  public static void requireMoments(DType moments) {
    if (moments != DType.F32 && moments != DType.BF16) {
      throw new IllegalArgumentException(
          "moments must be float32 or bfloat16, not " + moments.label());
    }
  }

  /**
   * Checks the element type of the encoder's product.
   *
   * @throws IllegalArgumentException if it is neither float32 nor bfloat16
   */
  public static void requirePrecision(DType precision) {
    if (precision != DType.F32 && precision != DType.BF16) {
      throw new IllegalArgumentException(
          "the encoder's product must be in float32 or bfloat16, not " + precision.label());
    }
  }

  /** How many places the decoder writes. */
  public int siteCount() {
    return Math.max(1, sites.size());
  }

  /** The same with nested dictionaries that end at {@code ends}; the last is all features. */
  public EngineSpec nested(List<Integer> ends) {
    return new EngineSpec(
        inputWidth,
        outputWidth,
        features,
        subtractDecoderBias,
        scoreByDecoderNorm,
        optimiser,
        learned,
        ends,
        sites,
        moments,
        precision);
  }

  /**
   * Checks where smaller dictionaries of a nested one end.
   *
   * @throws IllegalArgumentException if the ends do not ascend below {@code features}
   */
  public static void requireNested(List<Integer> prefixes, int features) {
    requireNested(prefixes, features, prefixes);
  }

  /** As above; the message lists {@code given}. */
  private static void requireNested(List<Integer> ends, int features, List<Integer> given) {
    int last = 0;
    for (int end : ends) {
      if (end <= last || end >= features) {
        throw new IllegalArgumentException(
            "prefixes must ascend and be smaller than the %d features: %s"
                .formatted(features, given));
      }
      last = end;
    }
  }

  /** Checks ends of which the last is that of the whole dictionary. */
  private static void requireWhole(List<Integer> prefixes, int features) {
    if (prefixes.isEmpty() || prefixes.getLast() != features) {
      throw new IllegalArgumentException(
          "the last prefix must be all " + features + " features: " + prefixes);
    }
    requireNested(prefixes.subList(0, prefixes.size() - 1), features, prefixes);
  }
}
