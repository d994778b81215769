package io.sluice.simd.moments;

import io.sluice.memory.NativeMemory;
import io.sluice.memory.Rows;
import io.sluice.simd.Panels;
import java.lang.foreign.MemorySegment;

/**
 * The specification of {@link MomentKernels} in plain Java, used where the Vector API is absent.
 */
final class ScalarMomentKernels implements MomentKernels {
  private static final MemorySegment ALL = NativeMemory.ALL;

  private final int panelWidth;
  private final int tileRows;

  /**
   * MomentKernels over panels of a given width.
   *
   * @param panelWidth a multiple of {@code tileRows}
   */
  public ScalarMomentKernels(int panelWidth, int tileRows) {
    if (panelWidth < tileRows || panelWidth % tileRows != 0) {
      throw new IllegalArgumentException(
          "panel width " + panelWidth + " is not a multiple of " + tileRows);
    }
    this.panelWidth = panelWidth;
    this.tileRows = tileRows;
  }

  @Override
  public int panelWidth() {
    return panelWidth;
  }

  @Override
  public int tileRows() {
    return tileRows;
  }

  @Override
  public String name() {
    return "scalar";
  }

  @Override
  public boolean packRow(Rows rows, int row, float[] shift, long panels, long panelBytes) {
    boolean finite = true;
    long panel = panels;
    for (int column = 0; column < rows.width(); column += panelWidth) {
      for (int j = 0; j < panelWidth; j++) {
        int from = column + j;
        float value = from < rows.width() ? rows.at(row, from) - shift[from] : 0;
        ALL.set(Panels.FLOAT, panel + (long) j * Float.BYTES, value);
        finite &= Float.isFinite(value);
      }
      panel += panelBytes;
    }
    return finite;
  }

  @Override
  public void columnSums(long panel, int depth, double[] sums, int at) {
    for (int j = 0; j < panelWidth; j++) {
      float sum = 0;
      for (int t = 0; t < depth; t++) {
        sum += value(panel + (long) t * panelWidth * Float.BYTES, j);
      }
      sums[at + j] += sum;
    }
  }

  @Override
  public void join(
      long products,
      double sum,
      double[] sums,
      double step,
      double[] steps,
      int column,
      double[] scatter,
      int at) {
    for (int j = 0; j < panelWidth; j++) {
      double change = value(products, j) - sum * sums[column + j] + step * steps[column + j];
      scatter[at + j] += change;
      ALL.set(Panels.FLOAT, products + (long) j * Float.BYTES, 0);
    }
  }

  @Override
  public void tile(long a, long b, int depth, long c) {
    diagonalTile(a, b, 0, depth, c);
  }

  @Override
  public void diagonalTile(long a, long b, int first, int depth, long c) {
    long step = (long) panelWidth * Float.BYTES;
    for (int i = 0; i < tileRows; i++) {
      for (int j = first; j < panelWidth; j++) {
        float sum = 0;
        for (int t = 0; t < depth; t++) {
          sum += value(a + t * step, i) * value(b + t * step, j);
        }
        long at = c + i * step + (long) j * Float.BYTES;
        ALL.set(Panels.FLOAT, at, ALL.get(Panels.FLOAT, at) + sum);
      }
    }
  }

  private static float value(long row, int index) {
    return ALL.get(Panels.FLOAT, row + (long) index * Float.BYTES);
  }
}
