package io.sluice.dictionary;

import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.ActivationFunction;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.engine.activation.JumpReLU;
import io.sluice.engine.activation.Thresholds;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.memory.Rows;
import io.sluice.simd.batch.Quickselect;
import io.sluice.store.ActivationStore;
import io.sluice.store.BatchPlan;
import io.sluice.store.RowFilter;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.PriorityQueue;

/**
 * Converts a dictionary that keeps a number of features to one that compares features with
 * thresholds (JumpReLU): a code then depends on no other feature, and L0 varies with the token. The
 * weights stay. Thresholds come from a sample of a store.
 *
 * <p>With a threshold per feature, each feature fires on as many tokens of the sample as before:
 * its threshold is that quantile of its own values. A feature that never fired gets a threshold
 * that it never reaches on the sample. With one threshold for all, the sample's mean L0 stays.
 */
public final class ThresholdCalibration {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final int BATCH = 1024;

  /** A factor slightly below 1 for thresholds, since scores are rounded differently. */
  private static final float BELOW = 1 - 1e-6f;

  private final Dictionary dictionary;
  private final ActivationStore store;
  private final RowFilter filter;
  private final long wanted;
  private final long seed;
  private final double[] norms;

  private ThresholdCalibration(
      Dictionary dictionary, ActivationStore store, RowFilter filter, long wanted, long seed) {
    this.dictionary = dictionary;
    this.store = store;
    this.filter = filter;
    this.wanted = wanted;
    this.seed = seed;
    this.norms = dictionary.config().scoreByDecoderNorm() ? norms(dictionary.parameters()) : null;
  }

  /**
   * The same dictionary with JumpReLU.
   *
   * @param dictionary a dictionary with TopK or BatchTopK
   * @param filter which rows of the store may be drawn
   * @param sample about how many rows to draw
   * @param seed determines the sample
   * @param perFeature whether each feature gets its own threshold, otherwise one for all
   * @throws IllegalArgumentException if the dictionary has another activation function, or the
   *     store lacks the hook point or has it with another width
   * @throws IOException if an activation is not finite, or nothing fires on the sample
   */
  public static Dictionary toJumpReLU(
      Dictionary dictionary,
      ActivationStore store,
      RowFilter filter,
      EngineFactory engines,
      long sample,
      long seed,
      boolean perFeature)
      throws IOException {
    DictionaryConfig config = dictionary.config();
    if (!(config.activation() instanceof TopK || config.activation() instanceof BatchTopK)) {
      throw new IllegalArgumentException(
          "thresholds take the place of topk and batchtopk, not of " + config.activation().label());
    }
    int width = ActivationFeed.activations(store, config.inputHook()).width();
    if (width != config.inputWidth()) {
      throw new IllegalArgumentException(
          "%s: '%s' is %d wide, but the dictionary reads a width of %d"
              .formatted(store.place(), config.inputHook(), width, config.inputWidth()));
    }
    if (sample < 1) {
      throw new IllegalArgumentException("a sample needs at least one row, not " + sample);
    }
    ThresholdCalibration calibration =
        new ThresholdCalibration(dictionary, store, filter, sample, seed);
    try (Engine engine = dictionary.open(engines)) {
      Census census = calibration.census(engine);
      if (census.codes == 0) {
        throw new IOException(
            store.place() + ": no feature fires on the sample; is it the dictionary's hook point?");
      }
      Thresholds thresholds =
          perFeature
              ? calibration.ofEach(engine, census)
              : Thresholds.uniform(calibration.ofAll(engine, census));
      return new Dictionary(
          config.withActivation(new JumpReLU(thresholds)),
          dictionary.parameters(),
          dictionary.skip());
    }
  }

  /** The firing counts of the original dictionary on the sample. */
  private static final class Census {
    final int[] counts;
    final float[] lowest;
    long codes;
    long rows;

    Census(int features) {
      counts = new int[features];
      lowest = new float[features];
      Arrays.fill(lowest, Float.POSITIVE_INFINITY);
    }
  }

  /** Receives the codes of a batch. */
  @FunctionalInterface
  private interface Taker {
    void take(Codes codes, int rows);
  }

  /** Encodes the sample, the same in every call. */
  private void encode(Engine engine, ActivationFunction selection, Taker taker) throws IOException {
    List<String> columns = List.of(dictionary.config().inputHook());
    BatchPlan all = BatchPlan.sequential(columns, BATCH).where(filter);
    long rows = new ActivationFeed(store, all, 1).rows();
    if (rows == 0) {
      throw new IOException(store.place() + ": no row is selected, so there is no sample");
    }
    int size = (int) Math.min(BATCH, Math.min(rows, wanted));
    ActivationFeed feed =
        new ActivationFeed(store, BatchPlan.shuffled(columns, size, seed).where(filter), 1);
    for (long seen = 0; seen < Math.min(rows, wanted); seen += size) {
      Rows batch = feed.next();
      engine.encode(batch, selection);
      taker.take(engine.codes(), batch.count());
    }
  }

  private Census census(Engine engine) throws IOException {
    Census census = new Census(dictionary.config().features());
    encode(
        engine,
        dictionary.config().activation(),
        (codes, rows) -> {
          census.rows += rows;
          census.codes += codes.entries();
          for (int entry = 0; entry < codes.entries(); entry++) {
            int feature = codes.feature(entry);
            census.counts[feature]++;
            census.lowest[feature] = Math.min(census.lowest[feature], score(codes, entry));
          }
        });
    return census;
  }

  private float score(Codes codes, int entry) {
    float value = codes.value(entry);
    return norms == null ? value : (float) (value * norms[codes.feature(entry)]);
  }

  /**
   * The count-th largest value of each feature. It is at least the lowest value that the dictionary
   * kept, since it kept that many; so only values from there on are examined and held.
   */
  private Thresholds ofEach(Engine engine, Census census) throws IOException {
    int features = census.counts.length;
    float floor = Float.POSITIVE_INFINITY;
    for (float lowest : census.lowest) {
      floor = Math.min(floor, lowest);
    }
    float[] bounds = new float[features];
    List<PriorityQueue<Float>> largest = new java.util.ArrayList<>(features);
    for (int feature = 0; feature < features; feature++) {
      bounds[feature] = BELOW * (census.counts[feature] > 0 ? census.lowest[feature] : floor);
      largest.add(census.counts[feature] > 0 ? new PriorityQueue<>() : null);
    }
    float[] highest = new float[features];
    Arrays.fill(highest, floor);
    encode(
        engine,
        new JumpReLU(Thresholds.of(bounds)),
        (codes, rows) -> {
          for (int entry = 0; entry < codes.entries(); entry++) {
            int feature = codes.feature(entry);
            float score = score(codes, entry);
            highest[feature] = Math.max(highest[feature], score);
            PriorityQueue<Float> held = largest.get(feature);
            if (held != null) {
              held.add(score);
              if (held.size() > census.counts[feature]) {
                held.remove();
              }
            }
          }
        });
    float[] thresholds = new float[features];
    for (int feature = 0; feature < features; feature++) {
      PriorityQueue<Float> held = largest.get(feature);
      thresholds[feature] =
          held == null || held.isEmpty()
              ? Math.nextUp(highest[feature] * (2 - BELOW))
              : BELOW * held.peek();
    }
    return Thresholds.of(thresholds);
  }

  /** The value exceeded by as many values, of all features together, as fired. */
  private float ofAll(Engine engine, Census census) throws IOException {
    int features = census.counts.length;
    // Batches of a shuffled sample are alike, so twice the mean count is room enough.
    int most = (int) Math.min(features, 2 * Math.ceilDiv(census.codes, census.rows));
    float[] scores = new float[Math.toIntExact(Math.multiplyExact(census.rows, most))];
    int[] size = {0};
    encode(
        engine,
        new BatchTopK(most),
        (codes, rows) -> {
          for (int entry = 0; entry < codes.entries(); entry++) {
            scores[size[0]++] = score(codes, entry);
          }
        });
    int kept = (int) Math.min(size[0], census.codes);
    return BELOW * Quickselect.largest(scores, size[0], kept);
  }

  private static double[] norms(DictionaryParameters p) {
    double[] norms = new double[p.features()];
    for (int feature = 0; feature < norms.length; feature++) {
      double sum = 0;
      for (int i = 0; i < p.outputWidth(); i++) {
        double weight = p.decoder().getAtIndex(FLOAT, (long) feature * p.outputWidth() + i);
        sum += weight * weight;
      }
      norms[feature] = Math.sqrt(sum);
    }
    return norms;
  }
}
