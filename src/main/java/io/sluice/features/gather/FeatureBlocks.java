package io.sluice.features.gather;

import io.sluice.features.FeatureManifest.Histogram;
import io.sluice.memory.Workers;
import java.io.IOException;

/** Summarises features, some at a time, on all threads, while those before them are written. */
final class FeatureBlocks {
  private static final int BLOCK = 512;
  private static final int PER_TASK = 32;

  private final GatherSpec spec;
  private final Histogram bins;
  private final StoreText text;
  private final RowGeometry geometry;
  private final Workers workers;

  FeatureBlocks(
      GatherSpec spec, Histogram bins, StoreText text, RowGeometry geometry, Workers workers) {
    this.spec = spec;
    this.bins = bins;
    this.text = text;
    this.geometry = geometry;
    this.workers = workers;
  }

  /** Takes summaries of consecutive features. */
  interface Output {
    /** Takes those of the features from {@code first} on. */
    void put(int first, FeatureSummary[] summaries, RowGeometry.Numbers[] numbers)
        throws IOException;
  }

  /** Passes the features from {@code from} to {@code to} to the output, in their order. */
  void write(FeatureCodes codes, int from, int to, Output output) throws IOException {
    for (int first = from; first < to; first += BLOCK) {
      int start = first;
      int count = Math.min(BLOCK, to - first);
      FeatureSummary[] summaries = new FeatureSummary[count];
      RowGeometry.Numbers[] numbers = new RowGeometry.Numbers[count];
      workers.run(
          (count + PER_TASK - 1) / PER_TASK,
          task -> {
            int begin = task * PER_TASK;
            int end = Math.min(count, begin + PER_TASK);
            for (int i = begin; i < end; i++) {
              summaries[i] = FeatureSummary.of(start + i, codes, spec, bins, text);
            }
            RowGeometry.Numbers[] some = geometry.of(start + begin, end - begin);
            System.arraycopy(some, 0, numbers, begin, some.length);
          });
      output.put(start, summaries, numbers);
    }
  }
}
