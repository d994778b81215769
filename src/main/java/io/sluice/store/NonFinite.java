package io.sluice.store;

/** What a {@link StoreWriter} does with NaN and infinity in activations. */
public enum NonFinite {
  /** Refuses the rows, and names the column, the row and the element. */
  REJECT,
  /** Writes them as they are, unchecked. */
  KEEP
}
