package io.sluice.simd.int8;

import io.sluice.memory.GrowingMemory;
import io.sluice.simd.Panels;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Tokens rounded to int8, and the upper bounds of their scores with a block of weights. Used by one
 * thread at a time.
 */
public final class Int8Tokens {
  /** Tokens of one product: its int32 results stay in the first-level cache. */
  private static final int CHUNK = 64;

  private final Int8Product product;
  private final Int8Kernels kernels = Int8Kernels.ofThisMachine();
  private final Int8Weights.Scratch scratch = new Int8Weights.Scratch();
  private final TokenBounds bounds = new TokenBounds();
  private final MemorySegment products =
      Arena.ofAuto().allocate((long) CHUNK * Int8Product.BLOCK * Integer.BYTES, 64);
  private final GrowingMemory packedMemory = new GrowingMemory();
  private MemorySegment packed = MemorySegment.NULL;
  private int count;
  private int width;
  private int depth;

  public Int8Tokens(Int8Product product) {
    this.product = product;
  }

  /** Makes room for tokens of this width, which {@link #set} then fills one by one. */
  public void fit(int count, int width) {
    this.count = count;
    this.width = width;
    depth = Int8Weights.depth(width);
    scratch.fit(width);
    bounds.fit(count);
    packed = packedMemory.ofBytes((long) count * depth);
  }

  /**
   * Rounds a token.
   *
   * @param token counted from 0
   * @param values the token's values are at {@code at}, finite
   */
  public void set(int token, float[] values, int at) {
    System.arraycopy(values, at, scratch.row, 0, width);
    round(token);
    bounds.rests[token] = 0;
  }

  /**
   * Rounds a token of a panel, in a basis of a subspace.
   *
   * @param panel {@code [width + 1][lanes]}; the last value of a token is at least the norm of what
   *     it has outside
   * @param lane which token of the panel
   */
  public void set(int token, MemorySegment panel, int lanes, int lane) {
    for (int i = 0; i < width; i++) {
      scratch.row[i] = Panels.get(panel, (long) i * lanes + lane);
    }
    round(token);
    bounds.rests[token] = Panels.get(panel, (long) width * lanes + lane);
  }

  private void round(int token) {
    kernels.round(scratch.row, width, scratch.rounded, scratch.result);
    for (int i = 0; i < depth; i++) {
      // Adding 128 makes the byte unsigned: it flips the sign bit.
      scratch.rounded[i] ^= (byte) 0x80;
    }
    MemorySegment.copy(scratch.bytes, 0, packed, (long) token * depth, depth);
    for (int i = width; i < depth; i++) {
      scratch.rounded[i] = 0;
    }
    bounds.scales[token] = scratch.result[0];
    bounds.residues[token] = scratch.result[1];
    bounds.rounded[token] = scratch.result[2];
  }

  /** Receives the pairs whose score may exceed the threshold. */
  public interface Passing {
    /**
     * @param token counted from the first that was set
     * @param rows bit {@code j} is the block's row {@code j}
     */
    void pass(int token, long rows);
  }

  /**
   * Finds which scores of a block of weights may be above their token's threshold.
   *
   * @param byAmount whether the scores' absolute values are compared
   */
  public void compare(
      Int8Weights weights, int block, float[] thresholds, boolean byAmount, Passing passing) {
    int firstRow = block * Int8Product.BLOCK;
    RowBounds rows = weights.bounds;
    for (int first = 0; first < count; first += CHUNK) {
      int n = Math.min(CHUNK, count - first);
      product.multiply(
          packed, (long) first * depth, n, weights.packed, weights.blockAt(block), depth, products);
      for (int i = 0; i < n; i++) {
        int token = first + i;
        long at = (long) i * Int8Product.BLOCK * Integer.BYTES;
        float threshold = thresholds[token];
        long passed =
            byAmount
                ? kernels.outside(products, at, rows, firstRow, bounds, token, threshold)
                : kernels.above(products, at, rows, firstRow, bounds, token, threshold);
        if (passed != 0) {
          passing.pass(token, passed);
        }
      }
    }
  }

  /** Ends a series of comparisons on this thread. */
  public void release() {
    product.release();
  }
}
