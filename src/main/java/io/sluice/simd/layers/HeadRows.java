package io.sluice.simd.layers;

import io.sluice.memory.LiveMemory;
import io.sluice.memory.NativeMemory;
import io.sluice.memory.Workers;
import java.lang.foreign.MemorySegment;
import java.util.function.IntConsumer;

/**
 * Queries, keys or values of all heads side by side, copied out of rows that hold all three. The
 * values are those that {@link Attention} works with: it normalises and rotates by the same
 * kernels.
 */
public final class HeadRows {
  private HeadRows() {}

  /**
   * Copies the heads of one part; queries and keys are normalised if the heads say so, and rotated
   * by {@code angles}. Values never are.
   *
   * @param angles of the positions; null to leave out the rotation
   * @param batch rows of its past are left out
   * @param rows {@code [contexts, capacity, rowWidth]} float32, native
   * @param out {@code [contexts, queries, heads of the part · headDim]} float32, native
   * @throws IllegalArgumentException if there are not angles for all positions or the heads are too
   *     narrow for them
   * @throws IndexOutOfBoundsException if the memory is too small
   * @throws IllegalArgumentException if it is on the heap, or that of {@code out} may only be read
   * @throws IllegalStateException if it was freed
   */
  public static void copy(
      AttentionHeads heads,
      HeadPart part,
      RotaryAngles angles,
      Attention.Batch batch,
      MemorySegment rows,
      MemorySegment out,
      Workers workers) {
    batch.check(heads, angles, rows);
    int count = part == HeadPart.QUERY ? heads.heads() : heads.keyValueHeads();
    long headBytes = (long) heads.headDim() * Float.BYTES;
    NativeMemory.written(out, (long) batch.contexts() * batch.queries(), count * headBytes);
    LayerKernels kernels = LayerKernels.ofThisMachine();
    int at = first(heads, part);
    int step = step(heads, part);
    float[] norm = norm(heads, part);
    RotaryAngles rotating = part == HeadPart.VALUE ? null : angles;
    IntConsumer context =
        number -> {
          long to = out.address() + (long) number * batch.queries() * count * headBytes;
          for (int row = batch.first(); row < batch.length(); row++) {
            long from =
                rows.address()
                    + ((long) number * batch.capacity() + row) * heads.rowWidth() * Float.BYTES;
            for (int head = 0; head < count; head++, to += headBytes) {
              long start = from + (at + (long) head * step) * Float.BYTES;
              heads.read(kernels, start, norm, rotating, row, to);
            }
          }
        };
    LiveMemory.during(() -> workers.run(batch.contexts(), context), rows, out);
  }

  private static int first(AttentionHeads heads, HeadPart part) {
    return switch (part) {
      case QUERY -> heads.queryAt();
      case KEY -> heads.keyAt();
      case VALUE -> heads.valueAt();
    };
  }

  private static int step(AttentionHeads heads, HeadPart part) {
    return switch (part) {
      case QUERY -> heads.queryStep();
      case KEY -> heads.keyStep();
      case VALUE -> heads.valueStep();
    };
  }

  private static float[] norm(AttentionHeads heads, HeadPart part) {
    return switch (part) {
      case QUERY -> heads.queryNorm();
      case KEY -> heads.keyNorm();
      case VALUE -> null;
    };
  }
}
