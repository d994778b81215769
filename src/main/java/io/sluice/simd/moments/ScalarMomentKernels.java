package io.sluice.simd.moments;

import io.sluice.memory.Rows;
import io.sluice.simd.Panels;
import java.lang.foreign.MemorySegment;

/**
 * The specification of {@link MomentKernels} in plain Java, used where the Vector API is absent.
 */
final class ScalarMomentKernels implements MomentKernels {
  private final int panelWidth;

  /**
   * MomentKernels over panels of a given width.
   *
   * @param panelWidth a multiple of {@link #TILE_ROWS}
   */
  public ScalarMomentKernels(int panelWidth) {
    if (panelWidth < TILE_ROWS || panelWidth % TILE_ROWS != 0) {
      throw new IllegalArgumentException(
          "panel width " + panelWidth + " is not a multiple of " + TILE_ROWS);
    }
    this.panelWidth = panelWidth;
  }

  @Override
  public String name() {
    return "scalar";
  }

  @Override
  public int panelWidth() {
    return panelWidth;
  }

  @Override
  public boolean packColumns(
      Rows rows,
      int firstRow,
      int count,
      int column,
      float[] shift,
      MemorySegment panel,
      long offset) {
    boolean finite = true;
    for (int t = 0; t < count; t++) {
      for (int j = 0; j < panelWidth; j++) {
        int from = column + j;
        float value = from < rows.width() ? rows.at(firstRow + t, from) - shift[from] : 0;
        Panels.set(panel, offset + t * panelWidth + j, value);
        finite &= Float.isFinite(value);
      }
    }
    return finite;
  }

  @Override
  public void columnSums(MemorySegment panel, long offset, int depth, double[] sums, int at) {
    for (int j = 0; j < panelWidth; j++) {
      float sum = 0;
      for (int t = 0; t < depth; t++) {
        sum += Panels.get(panel, offset + t * panelWidth + j);
      }
      sums[at + j] += sum;
    }
  }

  @Override
  public void tile(
      MemorySegment a,
      long aOffset,
      MemorySegment b,
      long bOffset,
      int depth,
      float[] c,
      int cOffset) {
    for (int i = 0; i < TILE_ROWS; i++) {
      for (int j = 0; j < panelWidth; j++) {
        float sum = 0;
        for (int t = 0; t < depth; t++) {
          sum +=
              Panels.get(a, aOffset + t * panelWidth + i)
                  * Panels.get(b, bOffset + t * panelWidth + j);
        }
        c[cOffset + i * panelWidth + j] += sum;
      }
    }
  }
}
