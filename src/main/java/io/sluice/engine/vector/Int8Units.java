package io.sluice.engine.vector;

import io.sluice.simd.int8.Int8Product;
import io.sluice.torch.int8.IntegerProducts;
import java.lang.foreign.MemorySegment;

/** Gives encoders the product of bytes on the int8 units of this processor, through LibTorch. */
public final class Int8Units implements Int8Product {
  private static final Int8Units UNITS = new Int8Units();

  private Int8Units() {}

  /** The product of bytes; null where the processor or LibTorch has none. */
  public static Int8Product product() {
    return IntegerProducts.areAvailable() ? UNITS : null;
  }

  @Override
  public void multiply(
      MemorySegment tokens,
      long tokensAt,
      int count,
      MemorySegment block,
      long blockAt,
      int depth,
      MemorySegment out) {
    IntegerProducts.multiply(tokens, tokensAt, count, block, blockAt, depth, out);
  }

  @Override
  public void release() {
    IntegerProducts.release();
  }
}
