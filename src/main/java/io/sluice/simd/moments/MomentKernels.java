package io.sluice.simd.moments;

import io.sluice.memory.Rows;
import io.sluice.simd.KernelProvider;
import io.sluice.simd.Panels;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.util.List;

/**
 * The inner loops of dense products, over one storage format: the <i>panel</i>.
 *
 * <p>A panel is {@code [depth][panelWidth]} floats in native memory ({@link Panels}): the values
 * that one step of a product needs lie side by side, so a tile streams through memory. Offsets
 * count floats. Either operand of a product is made of panels. {@link #packColumns} cuts a matrix
 * into panels of neighbouring columns, whose depth is the rows, for {@code XᵀX}.
 *
 * <p>{@link ScalarMomentKernels} defines what each method computes; other implementations agree
 * with it to the rounding of float32 sums. Implementations have no state and may be used by any
 * number of threads. Offsets are trusted: these are inner loops, and the classes over them check
 * arguments.
 */
interface MomentKernels {
  /** Rows of one tile: how many columns of the left panel a call of {@link #tile} takes. */
  int TILE_ROWS = 8;

  /** The name of these kernels, for instance {@code vector-512}. */
  String name();

  /**
   * Floats side by side in a panel, twice the lanes of a vector; a multiple of {@link #TILE_ROWS}.
   */
  int panelWidth();

  /**
   * Packs columns {@code [column, column + panelWidth)} of {@code count} rows, subtracting a shift:
   * {@code panel[offset + t·panelWidth + j] = rows[firstRow + t, column + j] − shift[column + j]}.
   * Columns past the width of the rows become zero.
   *
   * @param shift one value per column, zero past the width of the rows
   * @return whether all these values are finite
   */
  boolean packColumns(
      Rows rows,
      int firstRow,
      int count,
      int column,
      float[] shift,
      MemorySegment panel,
      long offset);

  /**
   * Adds to {@code sums[at + j]} the sum of column {@code j} of a panel, summed in float32 first.
   */
  void columnSums(MemorySegment panel, long offset, int depth, double[] sums, int at);

  /**
   * One tile of a product of two panels: {@code c[cOffset + i·panelWidth + j] += Σ_t a[aOffset +
   * t·panelWidth + i] · b[bOffset + t·panelWidth + j]} for {@code i < TILE_ROWS}, {@code j <
   * panelWidth}, {@code t < depth}. The sum over {@code t} is taken in float32 from zero and then
   * added to {@code c} once.
   *
   * @param aOffset where the panel starts, plus the first of its columns to take
   */
  void tile(
      MemorySegment a,
      long aOffset,
      MemorySegment b,
      long bOffset,
      int depth,
      float[] c,
      int cOffset);

  /** The kernels of this machine. */
  static MomentKernels ofThisMachine() {
    return Chosen.KERNELS;
  }

  /** One instance for each vector width that this machine has in hardware, narrowest first. */
  static List<MomentKernels> everyWidth() {
    return KernelProvider.everyWidth(
        MethodHandles.lookup(), MomentKernels.class, VectorMomentKernels.class);
  }

  /** Made when they are first asked for. */
  final class Chosen {
    private static final MomentKernels KERNELS =
        KernelProvider.choose(
            MethodHandles.lookup(),
            MomentKernels.class,
            VectorMomentKernels.class,
            () -> new ScalarMomentKernels(16));

    private Chosen() {}
  }
}
