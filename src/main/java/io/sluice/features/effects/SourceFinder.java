package io.sluice.features.effects;

import java.io.IOException;
import java.util.function.LongConsumer;

/** Finds the heads and source positions that activations come from. */
public interface SourceFinder {
  /** Heads of the model's layer. */
  int heads();

  /**
   * The sources of some features at some rows of the store.
   *
   * @param features per entry, the feature
   * @param rows per entry, the row of the store
   * @param progress receives how many entries are done
   * @throws IOException if the store cannot be read
   * @throws IllegalArgumentException if the model does not take the store's tokens
   */
  SourceBlock of(int[] features, long[] rows, LongConsumer progress) throws IOException;
}
