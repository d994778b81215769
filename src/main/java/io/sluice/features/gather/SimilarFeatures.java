package io.sluice.features.gather;

import io.sluice.engine.Engine;
import io.sluice.engine.EngineFactory;
import io.sluice.engine.activation.TopK;
import io.sluice.engine.arithmetic.Codes;
import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.spec.EngineSpec;
import io.sluice.engine.spec.Optimiser;
import io.sluice.features.FeatureTable;
import io.sluice.memory.DType;
import io.sluice.memory.MappedPages;
import io.sluice.memory.Rows;
import io.sluice.memory.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.function.LongConsumer;

/**
 * The features whose decoder rows have the largest cosines with that of a feature, among those of
 * its layer. An engine finds them: its encoder is the decoder with rows of length 1, which are also
 * its input, and it keeps the largest products above 0.
 */
final class SimilarFeatures {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final int BATCH = 1024;
  private static final int KEPT = FeatureTable.SIMILAR;

  private final int[] features;
  private final float[] cosines;

  private SimilarFeatures(int count) {
    features = new int[Math.multiplyExact(count, KEPT)];
    cosines = new float[features.length];
    Arrays.fill(features, -1);
    Arrays.fill(cosines, Float.NaN);
  }

  /**
   * Finds them.
   *
   * @param progress receives how many features are done
   */
  static SimilarFeatures of(
      FeatureOwner owner, EngineFactory engines, Workers workers, LongConsumer progress) {
    SimilarFeatures found = new SimilarFeatures(owner.features());
    int first = 0;
    for (FeatureLayer layer : owner.layers()) {
      found.find(layer.parameters(), first, engines, workers, progress);
      first += layer.parameters().features();
    }
    return found;
  }

  /** The similar features of one, by descending cosine; -1 where there is none. */
  int[] features(int feature) {
    return Arrays.copyOfRange(features, feature * KEPT, (feature + 1) * KEPT);
  }

  /** Their cosines; NaN where there is none. */
  float[] cosines(int feature) {
    return Arrays.copyOfRange(cosines, feature * KEPT, (feature + 1) * KEPT);
  }

  private void find(
      DictionaryParameters layer,
      int first,
      EngineFactory engines,
      Workers workers,
      LongConsumer progress) {
    int count = layer.features();
    int width = layer.outputWidth();
    EngineSpec spec = new EngineSpec(width, width, count, false, false, Optimiser.NONE);
    try (Arena arena = Arena.ofShared()) {
      MemorySegment directions = arena.allocate((long) count * width * Float.BYTES, 64);
      normalise(layer.decoder(), directions, count, width, workers);
      DictionaryParameters weights =
          new DictionaryParameters(
              width,
              width,
              count,
              directions,
              arena.allocate((long) count * Float.BYTES, 64),
              directions,
              arena.allocate((long) width * Float.BYTES, 64));
      TopK selection = new TopK(Math.min(KEPT + 1, count));
      try (Engine engine = engines.openOver(spec, weights)) {
        for (int from = 0; from < count; from += BATCH) {
          int rows = Math.min(BATCH, count - from);
          MemorySegment batch =
              directions.asSlice(
                  (long) from * width * Float.BYTES, (long) rows * width * Float.BYTES);
          engine.encode(new Rows(batch, DType.F32, rows, width), selection);
          keep(engine.codes(), from, first);
          progress.accept((long) first + from + rows);
        }
      }
    }
  }

  /** Sorts the codes of each row, without the row itself. */
  private void keep(Codes codes, int from, int first) {
    long[] keys = new long[KEPT + 1];
    for (int row = 0; row < codes.rows(); row++) {
      int count = 0;
      for (int entry = codes.offset(row); entry < codes.offset(row + 1); entry++) {
        if (codes.feature(entry) != from + row) {
          // Descending by cosine, then ascending by feature; values are above 0.
          keys[count++] =
              (long) ~Float.floatToRawIntBits(codes.value(entry)) << 32 | codes.feature(entry);
        }
      }
      Arrays.sort(keys, 0, count);
      for (int i = 0; i < Math.min(count, KEPT); i++) {
        int at = (first + from + row) * KEPT + i;
        features[at] = first + (int) keys[i];
        cosines[at] = Math.min(1, Float.intBitsToFloat(~(int) (keys[i] >>> 32)));
      }
    }
  }

  private static void normalise(
      MemorySegment from, MemorySegment to, int count, int width, Workers workers) {
    int tasks = (count + BATCH - 1) / BATCH;
    workers.run(
        tasks,
        task -> {
          int end = Math.min(count, (task + 1) * BATCH);
          float[] row = new float[width];
          for (int i = task * BATCH; i < end; i++) {
            long at = (long) i * width * Float.BYTES;
            MemorySegment.copy(from, FLOAT, at, row, 0, width);
            double square = 0;
            for (float value : row) {
              square += (double) value * value;
            }
            double scale = square > 0 ? 1 / Math.sqrt(square) : 0;
            for (int j = 0; j < width; j++) {
              row[j] = (float) (row[j] * scale);
            }
            MemorySegment.copy(row, 0, to, FLOAT, at, width);
          }
          long first = (long) task * BATCH * width * Float.BYTES;
          MappedPages.release(from.asSlice(first, (long) end * width * Float.BYTES - first));
        });
  }
}
