package io.sluice.model.cpu;

import io.sluice.model.Hooks;
import io.sluice.model.TokenBatch;
import io.sluice.simd.layers.Attention;
import io.sluice.simd.layers.RotaryAngles;
import java.util.Arrays;
import java.util.List;

/**
 * The data of one forward pass of a batch through the layers.
 *
 * @param rows which rows are whose
 * @param angles of the positions, by layer; null where none are rotated
 * @param hooks what to do at hook points
 * @param cache what came before, which the pass adds to; null where nothing did
 */
public record CpuPass(
    Attention.Batch rows, List<RotaryAngles> angles, Hooks hooks, KeyValueCache cache) {
  /** All positions of causal contexts: no token sees the padding to its right. */
  public static CpuPass causal(int size, int length, List<RotaryAngles> angles, Hooks hooks) {
    int[] lengths = new int[size];
    Arrays.fill(lengths, length);
    return new CpuPass(Attention.Batch.of(length, lengths), angles, hooks, null);
  }

  /** A pass of tokens that continue a text. */
  public static CpuPass continuing(
      KeyValueCache cache, int length, List<RotaryAngles> angles, Hooks hooks) {
    int end = cache.length() + length;
    int[] lengths = {end};
    Attention.Batch rows = new Attention.Batch(1, end, cache.length(), end, lengths);
    return new CpuPass(rows, angles, hooks, cache);
  }

  /**
   * All positions of a batch whose padding is hidden.
   *
   * @param angles of the positions, by layer; null where none are rotated
   */
  public static CpuPass bidirectional(TokenBatch batch, List<RotaryAngles> angles, Hooks hooks) {
    int[] lengths = new int[batch.size()];
    for (int i = 0; i < lengths.length; i++) {
      lengths[i] = batch.length(i);
    }
    return new CpuPass(Attention.Batch.of(batch.length(), lengths), angles, hooks, null);
  }

  /** The angles of a layer; null where none are rotated. */
  RotaryAngles angles(int layer) {
    return angles == null ? null : angles.get(layer);
  }

  /** Rows of the whole pass. */
  int count() {
    return rows.contexts() * rows.queries();
  }
}
