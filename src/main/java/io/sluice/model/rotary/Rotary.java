package io.sluice.model.rotary;

/**
 * Rotary position embedding: the pair {@code (x[i], x[i + n])} of the first {@code 2n} dimensions
 * of a query or key is rotated by {@code position · inverseFrequencies[i]}. Frequencies are
 * float32, as the models were trained with.
 *
 * @param inverseFrequencies angle per position of each pair, at least one
 * @param scale the factor on those dimensions of queries and of keys; 1 unless positions are scaled
 */
public record Rotary(float[] inverseFrequencies, double scale) {
  /** Far above what any model has; what is larger is damage, and must not be allocated for. */
  private static final int MOST_DIMS = 1 << 16;

  /**
   * Copies the array.
   *
   * @throws IllegalArgumentException if there are no frequencies, or a number is not finite
   */
  public Rotary {
    inverseFrequencies = inverseFrequencies.clone();
    if (inverseFrequencies.length == 0) {
      throw new IllegalArgumentException("rotary embedding of no dimensions");
    }
    for (float frequency : inverseFrequencies) {
      if (!Float.isFinite(frequency)) {
        throw new IllegalArgumentException("rotary frequency is " + frequency);
      }
    }
    if (!(scale > 0 && scale < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("factor of the rotary embedding is " + scale);
    }
  }

  /** Frequencies that rotate, and scale nothing. */
  private Rotary(float[] inverseFrequencies) {
    this(inverseFrequencies, 1);
  }

  /**
   * Frequencies {@code base^(−2i/dims)}.
   *
   * @throws IllegalArgumentException if {@code dims} is not positive and even, or is above 65536,
   *     or {@code base} is not positive and finite
   */
  public static Rotary of(double base, int dims) {
    if (dims < 2 || dims % 2 != 0 || dims > MOST_DIMS) {
      throw new IllegalArgumentException("rotary embedding of " + dims + " dimensions");
    }
    if (!(base > 0 && base < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("base of the rotary embedding is " + base);
    }
    float[] frequencies = new float[dims / 2];
    for (int i = 0; i < frequencies.length; i++) {
      frequencies[i] = 1f / (float) Math.pow(base, (float) (2 * i) / dims);
    }
    return new Rotary(frequencies);
  }

  /** Dimensions of a head that are rotated. */
  public int dims() {
    return 2 * inverseFrequencies.length;
  }

  /** Positions {@code factor} times closer together. */
  public Rotary linear(double factor) {
    requireAtLeast("factor", factor, Double.MIN_NORMAL);
    float[] slower = inverseFrequencies.clone();
    for (int i = 0; i < slower.length; i++) {
      slower[i] /= (float) factor;
    }
    return new Rotary(slower);
  }

  /** These frequencies with a factor on what they rotate. */
  Rotary scaled(double factor) {
    return new Rotary(inverseFrequencies, factor);
  }

  /**
   * Each frequency divided by a factor of its own, as LongRoPE does, and as GGUF files keep Llama
   * 3's scaling.
   *
   * @throws IllegalArgumentException if there are not as many factors as frequencies
   */
  public Rotary dividedBy(float[] factors) {
    if (factors.length != inverseFrequencies.length) {
      throw new IllegalArgumentException(
          factors.length + " rotary factors for " + inverseFrequencies.length + " frequencies");
    }
    float[] divided = inverseFrequencies.clone();
    for (int i = 0; i < divided.length; i++) {
      divided[i] /= factors[i];
    }
    return new Rotary(divided);
  }

  /**
   * Llama 3's scaling to longer contexts: waves longer than {@code original / low} are slowed down
   * by {@code factor}, those shorter than {@code original / high} kept, others between.
   *
   * @param original positions the model was first trained with
   */
  Rotary llama3(double factor, double low, double high, int original) {
    requireAtLeast("factor", factor, Double.MIN_NORMAL);
    requireAtLeast("low_freq_factor", low, Double.MIN_NORMAL);
    requireAtLeast("original_max_position_embeddings", original, 1);
    if (!(high > low)) {
      throw new IllegalArgumentException(
          "high_freq_factor " + high + " is not above low_freq_factor " + low);
    }
    float[] scaled = inverseFrequencies.clone();
    for (int i = 0; i < scaled.length; i++) {
      float frequency = inverseFrequencies[i];
      double wave = 2 * Math.PI / frequency;
      if (wave > original / low) {
        scaled[i] = (float) (frequency / factor);
      } else if (wave >= original / high) {
        double smooth = (original / wave - low) / (high - low);
        scaled[i] = (float) ((1 - smooth) * frequency / factor + smooth * frequency);
      }
    }
    return new Rotary(scaled);
  }

  /**
   * The settings of YaRN (Peng et al., 2023, arXiv 2309.00071).
   *
   * @param factor how much longer contexts become
   * @param fast pairs that rotate more often than this within {@code original} are kept
   * @param slow pairs that rotate less often are slowed down by {@code factor}, others between
   * @param original positions the model was first trained with
   * @param truncate whether the range between is rounded to whole pairs
   * @param scale the factor on queries and keys
   */
  record Yarn(
      double factor, double fast, double slow, int original, boolean truncate, double scale) {}

  /**
   * YaRN's scaling to longer contexts, as {@code transformers} computes it.
   *
   * @param base of these frequencies
   */
  Rotary yarn(double base, Yarn yarn) {
    requireAtLeast("factor", yarn.factor, Double.MIN_NORMAL);
    requireAtLeast("beta_fast", yarn.fast, Double.MIN_NORMAL);
    requireAtLeast("beta_slow", yarn.slow, Double.MIN_NORMAL);
    requireAtLeast("original_max_position_embeddings", yarn.original, 1);
    double low = pairThatRotates(yarn.fast, base, yarn.original);
    double high = pairThatRotates(yarn.slow, base, yarn.original);
    if (yarn.truncate) {
      low = Math.floor(low);
      high = Math.ceil(high);
    }
    low = Math.max(low, 0);
    high = Math.min(high, dims() - 1);
    if (low == high) {
      high += 0.001;
    }
    float[] scaled = inverseFrequencies.clone();
    for (int i = 0; i < scaled.length; i++) {
      float slowed = (float) Math.clamp((i - low) / (high - low), 0, 1);
      scaled[i] = scaled[i] / (float) yarn.factor * slowed + scaled[i] * (1 - slowed);
    }
    return new Rotary(scaled, yarn.scale);
  }

  /** Which pair, not a whole number, rotates so often within {@code positions}. */
  private double pairThatRotates(double times, double base, int positions) {
    return dims() * Math.log(positions / (times * 2 * Math.PI)) / (2 * Math.log(base));
  }

  private static void requireAtLeast(String name, double value, double least) {
    if (!(value >= least && value < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(name + " of the rotary embedding is " + value);
    }
  }
}
