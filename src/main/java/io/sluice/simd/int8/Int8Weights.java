package io.sluice.simd.int8;

import io.sluice.memory.GrowingMemory;
import io.sluice.memory.ScratchArrays;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Rows of weights rounded to int8, in blocks of 64 as {@link Int8Product} reads them: a quarter of
 * the memory of float32, and six numbers for each row.
 *
 * <p><b>The bound.</b> A row is {@code w = ŵ + r} and a token {@code x = x̂ + e} with {@code ŵ =
 * s·q} and {@code x̂ = t·p}, where {@code q} and {@code p} are integers. Then
 *
 * <pre>
 * ⟨w, x⟩ = ⟨ŵ, x̂⟩ + ⟨r, x̂⟩ + ⟨w, e⟩ ≤ s·t·⟨q, p⟩ + ‖r‖·‖x̂‖ + ‖w‖·‖e‖
 * </pre>
 *
 * by the inequality of Cauchy and Schwarz. Where only some coordinates are rounded, in a basis of
 * their subspace, the product of the norms of what is outside is one more term. {@code ⟨q, p⟩} is
 * exact; the norms are rounded up. Converting it to float32 and the five operations after it round
 * eight times at most, each time by 2⁻²⁴ of terms whose sum is below {@code 1.1·(‖w‖·‖x‖ +
 * |bias|)}: the caller's threshold has room for {@code 4·(width + 1)·2⁻²⁴·‖w‖·‖x‖}, of which a
 * float32 product needs {@code width·2⁻²⁴·‖w‖·‖x‖}, and the bias that is kept here is larger than
 * the bias by 16·2⁻²⁴ of it. So no row whose float32 score exceeds the threshold is left out.
 */
public final class Int8Weights {
  private static final int BLOCK = Int8Product.BLOCK;

  /** Four bytes of an array as one int, in the order of this machine. */
  private static final VarHandle FOUR =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.nativeOrder());

  private final Int8Kernels kernels = Int8Kernels.ofThisMachine();
  final RowBounds bounds = new RowBounds();
  private final GrowingMemory packedMemory = new GrowingMemory();
  MemorySegment packed = MemorySegment.NULL;
  private int rows;
  private int width;

  /** Makes room for rows; what was rounded is lost if the shape is another. */
  public void fit(int rows, int width) {
    if (this.rows == rows && this.width == width) {
      return;
    }
    this.rows = rows;
    this.width = width;
    int blocks = Math.ceilDiv(rows, BLOCK);
    bounds.fit(Math.multiplyExact(blocks, BLOCK));
    // What is past the last row of the last block is multiplied, too, and not looked at.
    packed = packedMemory.ofBytes(blocks * blockBytes());
  }

  /** Values per row, with zeros up to a multiple of 4. */
  static int depth(int width) {
    return (width + 3) / 4 * 4;
  }

  private long blockBytes() {
    return (long) depth(width) * BLOCK;
  }

  /** Where a block begins in the packed bytes. */
  long blockAt(int block) {
    return block * blockBytes();
  }

  /** What one thread rounds with. */
  public static final class Scratch {
    final float[] result = new float[3];
    float[] row = new float[0];
    byte[] rounded = new byte[0];
    MemorySegment bytes = MemorySegment.ofArray(rounded);

    void fit(int width) {
      row = ScratchArrays.atLeast(row, width);
      if (rounded.length != depth(width)) {
        rounded = new byte[depth(width)];
        bytes = MemorySegment.ofArray(rounded);
      }
    }
  }

  /**
   * Rounds a row.
   *
   * @param place where the row is kept
   * @param rows the row is at {@code at}, finite
   * @param factor what scores are multiplied by
   * @param norm at least the norm of these values
   * @param rest at least the norm of what the row has beside them: 0 if they are all
   */
  public void set(
      int place,
      float[] rows,
      int at,
      float factor,
      float bias,
      double norm,
      double rest,
      Scratch scratch) {
    scratch.fit(width);
    System.arraycopy(rows, at, scratch.row, 0, width);
    int sum = kernels.round(scratch.row, width, scratch.rounded, scratch.result);
    // One check of the whole block, then places that begin at multiples of four bytes.
    MemorySegment block = packed.asSlice(blockAt(place / BLOCK), blockBytes());
    byte[] rounded = scratch.rounded;
    int quads = depth(width) / 4;
    int column = place % BLOCK;
    for (int i = 0; i < quads; i++) {
      block.setAtIndex(
          ValueLayout.JAVA_INT, (long) i * BLOCK + column, (int) FOUR.get(rounded, 4 * i));
    }
    bounds.shift[place] = 128 * sum;
    bounds.scales[place] = factor * scratch.result[0];
    bounds.residues[place] = Math.nextUp(factor * scratch.result[1]);
    bounds.norms[place] = ScalarInt8Kernels.up(factor * norm);
    bounds.rests[place] = ScalarInt8Kernels.up(factor * rest);
    setBias(place, factor, bias, 0);
  }

  /**
   * Sets the bias of a row and, for rows that have one of their own, the threshold of their score:
   * the token's threshold is then that of the difference.
   *
   * @param threshold of any sign, also infinite; above NaN is nothing
   */
  public void setBias(int place, float factor, float bias, float threshold) {
    if (!Float.isFinite(threshold)) {
      boolean all = threshold == Float.NEGATIVE_INFINITY;
      bounds.bias[place] = all ? Float.POSITIVE_INFINITY : Float.NEGATIVE_INFINITY;
      return;
    }
    double scaled = (double) factor * bias;
    double room = (Math.abs(scaled) + Math.abs(threshold)) * 0x1p-20;
    bounds.bias[place] = Math.nextUp((float) (scaled - threshold + room));
  }
}
