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

/**
 * Finds similar features of a layer, a batch of features at a time. An engine finds them: its
 * encoder is the decoder with rows of length 1, which are also its input, and it keeps the largest
 * products above 0. Batches do not depend on each other.
 */
final class SimilarSearch implements AutoCloseable {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final int BATCH = 1024;
  private static final int KEPT = FeatureTable.SIMILAR;

  private final Arena arena = Arena.ofShared();
  private final int first;
  private final int count;
  private final int width;
  private final MemorySegment directions;
  private final TopK selection;
  private final Engine engine;

  /**
   * Reads the decoder of a layer.
   *
   * @param first the number of its first feature among those of all layers
   */
  SimilarSearch(FeatureLayer layer, int first, EngineFactory engines, Workers workers) {
    DictionaryParameters rows = layer.parameters();
    this.first = first;
    this.count = rows.features();
    this.width = rows.outputWidth();
    try {
      directions = arena.allocate((long) count * width * Float.BYTES, 64);
      normalise(rows.decoder(), workers);
      DictionaryParameters weights =
          new DictionaryParameters(
              width,
              width,
              count,
              directions,
              arena.allocate((long) count * Float.BYTES, 64),
              directions,
              arena.allocate((long) width * Float.BYTES, 64));
      selection = new TopK(Math.min(KEPT + 1, count));
      engine =
          engines.openOver(
              new EngineSpec(width, width, count, false, false, Optimiser.NONE), weights);
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  /** Batches of a layer of so many features. */
  static int batches(int features) {
    return Math.ceilDiv(features, BATCH);
  }

  /** How many batches there are. */
  int batches() {
    return batches(count);
  }

  /** The features most similar to those of a batch. */
  SimilarRows find(int batch) {
    int from = batch * BATCH;
    int rows = Math.min(BATCH, count - from);
    MemorySegment some =
        directions.asSlice((long) from * width * Float.BYTES, (long) rows * width * Float.BYTES);
    engine.encode(new Rows(some, DType.F32, rows, width), selection);
    return sorted(engine.codes(), from);
  }

  /** Sorts the codes of each row, without the row itself. */
  private SimilarRows sorted(Codes codes, int from) {
    int[] features = new int[codes.rows() * KEPT];
    float[] cosines = new float[features.length];
    Arrays.fill(features, -1);
    Arrays.fill(cosines, Float.NaN);
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
        int at = row * KEPT + i;
        features[at] = first + (int) keys[i];
        cosines[at] = Math.min(1, Float.intBitsToFloat(~(int) (keys[i] >>> 32)));
      }
    }
    return new SimilarRows(first + from, features, cosines);
  }

  private void normalise(MemorySegment from, Workers workers) {
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
            MemorySegment.copy(row, 0, directions, FLOAT, at, width);
          }
          long first = (long) task * BATCH * width * Float.BYTES;
          MappedPages.release(from.asSlice(first, (long) end * width * Float.BYTES - first));
        });
  }

  @Override
  public void close() {
    engine.close();
    arena.close();
  }
}
