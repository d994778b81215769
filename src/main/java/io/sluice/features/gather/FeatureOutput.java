package io.sluice.features.gather;

import io.sluice.features.ContextWriter;
import io.sluice.features.FeatureContext;
import io.sluice.files.DiskThread;
import io.sluice.store.tables.TableWriter;
import java.io.IOException;

/** Writes the rows of features on a thread of its own, one block while the next is computed. */
final class FeatureOutput implements FeatureBlocks.Output, AutoCloseable {
  private final TableWriter table;
  private final ContextWriter contexts;
  private final SimilarFeatures similar;
  private final long tokens;
  private final long windowRow;
  private final DiskThread<Void> thread = new DiskThread<>("features-output");

  /**
   * Writes to two tables.
   *
   * @param tokens the tokens that were read
   * @param windowRow the first row of the dead window
   */
  FeatureOutput(
      TableWriter table,
      ContextWriter contexts,
      SimilarFeatures similar,
      long tokens,
      long windowRow) {
    this.table = table;
    this.contexts = contexts;
    this.similar = similar;
    this.tokens = tokens;
    this.windowRow = windowRow;
  }

  /**
   * Starts writing a block, after the one before it is written.
   *
   * @throws IOException if that could not be written
   */
  @Override
  public void put(int first, FeatureSummary[] summaries, RowGeometry.Numbers[] numbers)
      throws IOException {
    finish();
    thread.start(
        () -> {
          for (int i = 0; i < summaries.length; i++) {
            write(first + i, summaries[i], numbers[i]);
          }
          return null;
        });
  }

  /**
   * Waits until all blocks are written.
   *
   * @throws IOException if one could not be written
   */
  void finish() throws IOException {
    thread.await();
  }

  private void write(int feature, FeatureSummary summary, RowGeometry.Numbers numbers)
      throws IOException {
    table.column("feature").put(feature);
    table.column("count").put(summary.count());
    table.column("density").put((float) ((double) summary.count() / tokens));
    table.column("mean").put(summary.mean());
    table.column("max").put(summary.max());
    table.column("histogram").put(summary.histogram());
    numbers.put(table);
    table.column("similar").put(similar.features(feature));
    table.column("similar_cosine").put(similar.cosines(feature));
    table.column("dead").put(summary.lastRow() < windowRow);
    table.endRow();
    for (FeatureContext context : summary.contexts()) {
      contexts.put(context);
    }
  }

  /** Ends the thread, after what it is writing. */
  @Override
  public void close() {
    thread.close();
  }
}
