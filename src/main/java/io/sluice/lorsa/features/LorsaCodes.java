package io.sluice.lorsa.features;

import io.sluice.engine.arithmetic.Codes;
import io.sluice.lorsa.engine.LorsaEngine;

/** Puts the heads that fire on tokens into codes. */
final class LorsaCodes {
  private final LorsaEngine.Selected selected;
  private final int k;
  private final Codes codes;
  private int entry;

  /**
   * Begins a batch.
   *
   * @param tokens how many will be added
   */
  LorsaCodes(LorsaEngine.Selected selected, int k, Codes codes, int tokens) {
    this.selected = selected;
    this.k = k;
    this.codes = codes;
    codes.begin(tokens, Math.multiplyExact(tokens, k));
  }

  /** Adds a token, which is at a row of what was encoded. */
  void add(int row) {
    for (int i = row * k; i < (row + 1) * k; i++) {
      if (selected.activations()[i] > 0) {
        codes.set(entry++, (int) selected.heads()[i], selected.activations()[i]);
      }
    }
    codes.endRow(entry);
  }
}
