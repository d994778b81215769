package io.sluice.simd.layers;

import java.util.Objects;

/**
 * Cosines and sines by which pairs {@code (x[i], x[i + pairs])} of a head are rotated, {@code
 * [positions, pairs]}.
 *
 * @param cosines row-major
 * @param sines row-major
 * @param pairs angles per position; a head is at least twice as wide
 */
public record RotaryAngles(float[] cosines, float[] sines, int pairs) {
  /**
   * Checks the sizes; the arrays are not copied.
   *
   * @throws IllegalArgumentException if they are not {@code [positions, pairs]}
   */
  public RotaryAngles {
    if (pairs < 1 || cosines.length % pairs != 0 || sines.length != cosines.length) {
      throw new IllegalArgumentException(
          "%d cosines and %d sines for %d pairs".formatted(cosines.length, sines.length, pairs));
    }
  }

  /** Positions that there are angles for. */
  public int positions() {
    return cosines.length / pairs;
  }

  /** Rotates a head in place. */
  void rotate(LayerKernels kernels, long head, int position) {
    Objects.checkIndex(position, positions());
    kernels.rotate(head, pairs, cosines, sines, position * pairs);
  }
}
