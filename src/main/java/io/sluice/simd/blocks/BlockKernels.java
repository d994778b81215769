package io.sluice.simd.blocks;

import io.sluice.simd.KernelProvider;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.util.List;

/**
 * Dequantises blocks of weights to float32.
 *
 * <p>{@link ScalarBlockKernels} defines what is computed, and every implementation gives the very
 * same bits: products and sums are rounded one by one, in one order, as llama.cpp's own Python
 * package does. Implementations have no state and may be used by any number of threads.
 */
interface BlockKernels {
  /** The name of these kernels, for instance {@code vector-512}. */
  String name();

  /**
   * Dequantises neighbouring blocks.
   *
   * @param blocks where they are, little-endian, of any alignment
   * @param from byte offset of the first
   * @param count how many
   * @param out where the values go: {@code count · format.length()} floats, little-endian
   * @param to byte offset of the first
   * @throws IndexOutOfBoundsException if either does not lie within its memory
   */
  void dequantise(
      BlockFormat format, MemorySegment blocks, long from, long count, MemorySegment out, long to);

  /** The kernels of this machine. */
  static BlockKernels ofThisMachine() {
    return Chosen.KERNELS;
  }

  /** One instance for each vector width that this machine has in hardware, narrowest first. */
  static List<BlockKernels> everyWidth() {
    return KernelProvider.everyWidth(
        MethodHandles.lookup(), BlockKernels.class, VectorBlockKernels.class);
  }

  /** Made when they are first asked for. */
  final class Chosen {
    private static final BlockKernels KERNELS =
        KernelProvider.choose(
            MethodHandles.lookup(),
            BlockKernels.class,
            VectorBlockKernels.class,
            ScalarBlockKernels::new);

    private Chosen() {}
  }
}
