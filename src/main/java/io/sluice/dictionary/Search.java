package io.sluice.dictionary;

import io.sluice.engine.activation.AbsTopK;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.CustomActivation;
import io.sluice.engine.activation.Pursuit;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.memory.MappedPages;
import io.sluice.memory.Workers;
import io.sluice.simd.batch.EncoderWeights;
import io.sluice.simd.single.RowEncoder;
import io.sluice.simd.single.RowFormat;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * How a {@link SparseEncoder} finds the features of a vector, by passes over its rows. Immutable;
 * the state of a call is in a {@link Work}.
 */
sealed interface Search permits LargestSearch, SignedSearch, PursuitSearch, ChosenSearch {

  /** The rows that are searched. */
  RowEncoder rows();

  /** The largest number of features that a vector can have. */
  int most();

  /**
   * Memory for one call at a time.
   *
   * @param k the largest number of features per vector
   * @param threads that share a call
   */
  default Work work(int k, int threads) {
    return new Work(rows().scratch(k, threads), k);
  }

  /**
   * Encodes the first {@code count} vectors of {@code work}, which may change them. Unless a search
   * says otherwise, features are those with the largest scores above their thresholds.
   *
   * @param workers share each pass; null for the calling thread alone, which allocates nothing
   * @param features receives the features of vector {@code v}, ascending, from {@code at + v·k} on,
   *     with the {@code k} of {@code work}
   * @param values receives their values
   * @param counts receives their number at {@code countsAt + v}
   * @throws io.sluice.simd.NonFiniteException if a vector has a NaN or an infinity; it names the
   *     vector
   */
  default void encode(
      Work work,
      int count,
      Workers workers,
      int[] features,
      float[] values,
      int at,
      int[] counts,
      int countsAt) {
    rows().encode(work.scratch, count, workers, features, values, at, counts, countsAt);
  }

  /** The memory of one call; a search that needs more extends it. */
  class Work {
    final RowEncoder.Scratch scratch;

    /** The largest number of features per vector. */
    final int k;

    Work(RowEncoder.Scratch scratch, int k) {
      this.scratch = scratch;
      this.k = k;
    }

    /** Moves a vector to the first place, where searches of one vector read it. */
    final void toFirst(int vector) {
      int padded = scratch.paddedWidth();
      System.arraycopy(scratch.vectors(), vector * padded, scratch.vectors(), 0, padded);
    }
  }

  /**
   * The search that computes a dictionary's activation function.
   *
   * @throws IllegalArgumentException if a weight is not finite, or the function selects features
   *     over whole batches
   */
  static Search of(Dictionary dictionary, RowFormat format) {
    DictionaryConfig config = dictionary.config();
    ActivationFunction activation = config.activation();
    return switch (activation) {
      case Pursuit pursuit -> PursuitSearch.of(dictionary, pursuit, format);
      case AbsTopK(int k) -> new SignedSearch(scored(dictionary), k, format);
      case CustomActivation custom when custom.bounds().isEmpty() ->
          new ChosenSearch(scored(dictionary), custom, format);
      case BatchTopK batch when batch.threshold().isEmpty() ->
          throw new IllegalArgumentException(
              "features are chosen over whole batches (%s with no threshold); encode batches with "
                      .formatted(activation.label())
                  + "an engine, or give it a threshold");
      default -> {
        int features = config.features();
        float[] floors =
            activation.bounds().map(bounds -> bounds.toArray(features)).orElse(new float[features]);
        int most = activation.bounds().isPresent() ? features : activation.k();
        yield new LargestSearch(new RowEncoder(scored(dictionary), floors, format), most);
      }
    };
  }

  /** The encoder's weights, with the factors of the scores. */
  private static EncoderWeights scored(Dictionary dictionary) {
    // The least score: that of a decoder row of 0 is still above that of inactive features.
    double least = 1e-30;
    ValueLayout.OfFloat layout =
        ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    DictionaryConfig config = dictionary.config();
    DictionaryParameters parameters = dictionary.parameters();
    float[] factors = new float[config.features()];
    int width = config.outputWidth();
    for (int feature = 0; feature < factors.length; feature++) {
      double squares = 1;
      if (config.scoreByDecoderNorm()) {
        squares = 0;
        for (int i = 0; i < width; i++) {
          double value =
              parameters.decoder().get(layout, ((long) feature * width + i) * Float.BYTES);
          squares += value * value;
        }
        if (feature % 4096 == 0 || feature == factors.length - 1) {
          MappedPages.release(parameters.decoder());
        }
      }
      factors[feature] = (float) Math.max(Math.sqrt(squares), least);
    }
    return new EncoderWeights(
        parameters.encoder(),
        parameters.encoderBias().toArray(layout),
        factors,
        config.features(),
        config.inputWidth());
  }
}
