package io.sluice.simd.moments;

import io.sluice.memory.Rows;
import io.sluice.simd.KernelProvider;
import java.lang.invoke.MethodHandles;
import java.util.List;

/**
 * The inner loops of {@code XᵀX}, over one storage format: the <i>panel</i>.
 *
 * <p>A panel is {@code [depth][panelWidth]} floats in native memory ({@link
 * io.sluice.simd.Panels}), neighbouring columns of some rows: the values that one step of a product
 * needs lie side by side, so a tile streams through memory. Either operand of a product is made of
 * panels. Panels and products are given by address, as {@link io.sluice.memory.NativeMemory}
 * explains; the classes over these loops keep the memory reachable.
 *
 * <p>{@link ScalarMomentKernels} defines what each method computes; other implementations agree
 * with it to the rounding of float32 sums. Implementations have no state and may be used by any
 * number of threads. Addresses are trusted: these are inner loops, and the classes over them check
 * arguments.
 */
interface MomentKernels {
  /** The name of these kernels, for instance {@code vector-512}. */
  String name();

  /** Floats side by side in a panel, a multiple of {@link #tileRows}. */
  int panelWidth();

  /** Rows of one tile: how many columns of the left panel a call of {@link #tile} takes. */
  int tileRows();

  /**
   * Packs one row, subtracting a shift: {@code panel(c / panelWidth)[c % panelWidth] = rows[row, c]
   * − shift[c]}, where panel {@code p} is at {@code panels + p·panelBytes}. Columns past the width
   * of the rows become zero.
   *
   * @param shift one value per column
   * @return whether all these values are finite
   */
  boolean packRow(Rows rows, int row, float[] shift, long panels, long panelBytes);

  /**
   * Adds to {@code sums[at + j]} the sum of column {@code j} of a panel, summed in float32 first.
   */
  void columnSums(long panel, int depth, double[] sums, int at);

  /**
   * One tile of a product of two panels, all by their addresses, as {@link
   * io.sluice.memory.NativeMemory} explains: {@code c[i·panelWidth + j] += Σ_t a[t·panelWidth + i]
   * · b[t·panelWidth + j]} for {@code i < tileRows}, {@code j < panelWidth}, {@code t < depth}. The
   * sum over {@code t} is taken in float32 from zero, in order, and then added to {@code c} once.
   *
   * @param a where the panel starts, plus the first of its columns to take
   */
  void tile(long a, long b, int depth, long c);

  /**
   * As {@link #tile}, for a product of a panel with itself, which is symmetric: of the columns
   * {@code j < first} any may be left out.
   *
   * @param a where the panel starts, plus {@code first} columns
   */
  void diagonalTile(long a, long b, int first, int depth, long c);

  /**
   * Joins a row of products to what came before it, in float64: {@code scatter[at + j] +=
   * products[j] − sum · sums[column + j] + step · steps[column + j]} for {@code j < panelWidth};
   * the products become zero.
   */
  void join(
      long products,
      double sum,
      double[] sums,
      double step,
      double[] steps,
      int column,
      double[] scatter,
      int at);

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
            () -> new ScalarMomentKernels(16, 8));

    private Chosen() {}
  }
}
