package io.sluice.dictionary.matching;

import io.sluice.engine.spec.DictionaryParameters;
import io.sluice.engine.vector.Int8Units;
import io.sluice.memory.HugeMemory;
import io.sluice.memory.MappedPages;
import io.sluice.memory.Workers;
import io.sluice.simd.batch.EncoderWeights;
import io.sluice.simd.batch.TopKEncoder;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;

/**
 * Cosines of the decoder rows of two dictionaries. The rows of one are encoded as tokens by the
 * rows of the other, both of unit length, so that the k largest codes of a row are its k largest
 * cosines; bounds from int8 leave most pairs out. Rows of length 0 have the cosine 0 with all
 * others.
 */
public final class DecoderCosines {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  /** Rows that are encoded at once. */
  private static final int BATCH = 4096;

  /** Bytes of the rows of the other decoder that are searched at once. */
  private static final long TILE_BYTES = 512L << 20;

  private DecoderCosines() {}

  /**
   * The {@code k} rows of {@code others} of largest positive cosine, for each row of {@code rows}.
   * The other decoder is copied a tile at a time, of at most 512 MiB, with a quarter of that for
   * its bounds; each candidate takes 8 bytes.
   *
   * @param progress called now and then with the number of rows done
   * @throws IllegalArgumentException if the decoders differ in width, or {@code k} is below 1
   */
  public static Matches of(
      DictionaryParameters rows, DictionaryParameters others, int k, LongConsumer progress) {
    return of(rows, others, k, TILE_BYTES, progress);
  }

  /** The same with other tiles. */
  static Matches of(
      DictionaryParameters rows,
      DictionaryParameters others,
      int k,
      long tileBytes,
      LongConsumer progress) {
    int width = rows.outputWidth();
    if (others.outputWidth() != width) {
      throw new IllegalArgumentException(
          "decoder rows of width %d and %d have no cosine; compare dictionaries of one hook point"
              .formatted(width, others.outputWidth()));
    }
    if (k < 1) {
      throw new IllegalArgumentException("the number of candidates must be at least 1, not " + k);
    }
    int most = Math.min(k, others.features());
    Matches found = Matches.empty(rows.features(), others.features(), most);
    long room = tileBytes / ((long) width * Float.BYTES);
    int tile = Math.clamp(room, 1, Math.max(1, others.features()));
    int tiles = Math.max(1, Math.ceilDiv(others.features(), tile));
    try (Workers workers = Workers.allCores()) {
      for (int i = 0; i < tiles; i++) {
        int first = i * tile;
        int count = Math.min(tile, others.features() - first);
        long before = (long) i * rows.features();
        search(
            rows,
            others,
            first,
            count,
            found,
            workers,
            done -> progress.accept((before + done) / tiles));
      }
    }
    return found;
  }

  /** Adds the candidates among some rows of the other decoder. */
  private static void search(
      DictionaryParameters rows,
      DictionaryParameters others,
      int firstOther,
      int countOther,
      Matches found,
      Workers workers,
      LongConsumer progress) {
    int width = rows.outputWidth();
    int most = Math.min(found.most(), countOther);
    try (Arena arena = Arena.ofShared()) {
      MemorySegment units = HugeMemory.allocate((long) countOther * width * Float.BYTES, arena);
      IntStream.range(0, Math.ceilDiv(countOther, BATCH))
          .parallel()
          .forEach(
              batch -> {
                int first = batch * BATCH;
                int end = Math.min(countOther, first + BATCH);
                float[] unit = new float[width];
                for (int row = first; row < end; row++) {
                  readUnit(others, firstOther + row, unit, 0);
                  MemorySegment.copy(
                      unit, 0, units, FLOAT, (long) row * width * Float.BYTES, width);
                }
                release(others, firstOther + first, firstOther + end);
              });
      float[] ones = new float[countOther];
      Arrays.fill(ones, 1);
      TopKEncoder encoder = new TopKEncoder(workers, Int8Units::product);
      encoder.prepare(
          new EncoderWeights(units, new float[countOther], ones, countOther, width), null);
      float[] tokens = new float[BATCH * width];
      int[] candidates = new int[BATCH * most];
      float[] scores = new float[BATCH * most];
      int[] counts = new int[BATCH];
      for (int first = 0; first < rows.features(); first += BATCH) {
        int count = Math.min(BATCH, rows.features() - first);
        for (int row = 0; row < count; row++) {
          readUnit(rows, first + row, tokens, row * width);
        }
        release(rows, first, first + count);
        encoder.encode(tokens, count, most, candidates, scores, counts);
        for (int row = 0; row < count; row++) {
          for (int at = row * most; at < row * most + counts[row]; at++) {
            found.offer(first + row, firstOther + candidates[at], scores[at]);
          }
        }
        progress.accept(first + count);
      }
    }
  }

  /** Decoder rows that have been read. */
  private static void release(DictionaryParameters of, int first, int end) {
    long rowBytes = (long) of.outputWidth() * Float.BYTES;
    MappedPages.release(of.decoder().asSlice(first * rowBytes, (end - first) * rowBytes));
  }

  /** Reads a decoder row at unit length; zeros stay zeros. */
  public static void readUnit(DictionaryParameters from, int row, float[] into, int at) {
    int width = from.outputWidth();
    MemorySegment.copy(from.decoder(), FLOAT, (long) row * width * Float.BYTES, into, at, width);
    double square = 0;
    for (int i = at; i < at + width; i++) {
      square += (double) into[i] * into[i];
    }
    if (square > 0) {
      double scale = 1 / Math.sqrt(square);
      for (int i = at; i < at + width; i++) {
        into[i] = (float) (into[i] * scale);
      }
    }
  }
}
