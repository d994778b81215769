package io.sluice.features.gather;

import io.sluice.features.FeatureContext;
import io.sluice.features.FeatureContexts;
import io.sluice.features.FeatureManifest.Histogram;
import io.sluice.features.FeatureManifest.Window;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What a feature's codes say of it.
 *
 * @param count tokens on which it fires
 * @param mean its mean activation there; 0 if there are none
 * @param max its largest activation, by its absolute value; 0 if there are none
 * @param histogram its activations' absolute values by bins of their log10
 * @param lastRow the last row on which it fires; -1 if there is none
 * @param contexts its contexts in the order of the file
 */
record FeatureSummary(
    long count, float mean, float max, int[] histogram, long lastRow, List<FeatureContext> contexts)
    implements Serializable {
  /** Parts into which the activations below the largest are divided. */
  private static final int QUANTILES = 5;

  private static final long ROW_BITS = 0xffff_ffffL;

  /** Of a feature; the result depends only on the arguments. */
  static FeatureSummary of(
      int feature, FeatureCodes codes, GatherSpec spec, Histogram bins, StoreText text) {
    int start = codes.start(feature);
    int end = codes.end(feature);
    if (start == end) {
      return new FeatureSummary(0, 0, 0, new int[bins.bins()], -1, List.of());
    }
    double sum = 0;
    int[] histogram = new int[bins.bins()];
    long[] keys = new long[end - start];
    for (int code = start; code < end; code++) {
      float value = codes.value(code);
      sum += value;
      histogram[bins.bin(Math.abs(value))]++;
      keys[code - start] = key(Math.abs(value), codes.row(code));
    }
    Arrays.sort(keys);
    List<FeatureContext> contexts = new ArrayList<>();
    int top = Math.min(spec.top(), keys.length);
    for (int rank = 0; rank < top; rank++) {
      long row = row(keys[keys.length - 1 - rank]);
      contexts.add(context(feature, FeatureContexts.TOP, rank, row, codes, spec.window(), text));
    }
    addLower(feature, keys, top, codes, spec, text, contexts);
    return new FeatureSummary(
        keys.length,
        (float) (sum / keys.length),
        Float.intBitsToFloat((int) (keys[keys.length - 1] >>> 32)),
        histogram,
        codes.row(end - 1),
        contexts);
  }

  /**
   * Adds contexts at evenly spaced ranks below the largest: of n activations and m contexts, those
   * at the ranks (2j + 1)·n / 2m.
   */
  private static void addLower(
      int feature,
      long[] keys,
      int top,
      FeatureCodes codes,
      GatherSpec spec,
      StoreText text,
      List<FeatureContext> contexts) {
    int left = keys.length - top;
    int count = Math.min(spec.lower(), left);
    int kinds = Math.min(QUANTILES, count);
    int rank = 0;
    int last = 0;
    for (int j = 0; j < count; j++) {
      int kind = 1 + (int) ((long) j * kinds / count);
      rank = kind == last ? rank + 1 : 0;
      last = kind;
      int place = top + (int) ((2L * j + 1) * left / (2L * count));
      long row = row(keys[keys.length - 1 - place]);
      contexts.add(context(feature, kind, rank, row, codes, spec.window(), text));
    }
  }

  /**
   * Ascending by absolute value, then descending by row: floats above 0 are ordered as their bits.
   */
  private static long key(float size, long row) {
    return (long) Float.floatToRawIntBits(size) << 32 | (ROW_BITS - row);
  }

  private static long row(long key) {
    return ROW_BITS - (key & ROW_BITS);
  }

  private static FeatureContext context(
      int feature,
      int kind,
      int rank,
      long row,
      FeatureCodes codes,
      Window window,
      StoreText text) {
    StoreText.Span span = text.span(row, window);
    float[] activations = new float[(int) (span.to() - span.from())];
    int end = codes.end(feature);
    for (int code = codes.at(feature, span.from());
        code < end && codes.row(code) < span.to();
        code++) {
      activations[(int) (codes.row(code) - span.from())] = codes.value(code);
    }
    return new FeatureContext(
        feature,
        kind,
        rank,
        row,
        span.document(),
        (int) (row - span.documentStart()),
        activations[(int) (row - span.from())],
        (int) (span.from() - span.documentStart()),
        text.ids(span.from(), span.to()),
        activations);
  }
}
