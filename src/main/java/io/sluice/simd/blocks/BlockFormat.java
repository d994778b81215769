package io.sluice.simd.blocks;

import java.lang.foreign.MemorySegment;

/**
 * The formats of llama.cpp in which weights are kept as blocks of small whole numbers with float16
 * scales. The bit layouts are those of {@code ggml-common.h}; {@link ScalarBlockKernels} writes out
 * what each means.
 */
public enum BlockFormat {
  /** 32 numbers of 4 bits, {@code d · (q − 8)}. */
  Q4_0(32, 2 + 16),
  /** 32 numbers of 4 bits, {@code d · q + m}. */
  Q4_1(32, 2 + 2 + 16),
  /** 32 numbers of 5 bits, {@code d · (q − 16)}. */
  Q5_0(32, 2 + 4 + 16),
  /** 32 numbers of 5 bits, {@code d · q + m}. */
  Q5_1(32, 2 + 2 + 4 + 16),
  /** 32 signed bytes, {@code d · q}. */
  Q8_0(32, 2 + 32),
  /** 8 groups of 32 numbers of 4 bits; scale and minimum of a group are 6 bits each. */
  Q4_K(256, 2 + 2 + 12 + 128),
  /** 8 groups of 32 numbers of 5 bits; scale and minimum of a group are 6 bits each. */
  Q5_K(256, 2 + 2 + 12 + 32 + 128),
  /** 16 groups of 16 numbers of 6 bits; the scale of a group is a signed byte. */
  Q6_K(256, 128 + 64 + 16 + 2);

  private final int length;
  private final int bytes;

  BlockFormat(int length, int bytes) {
    this.length = length;
    this.bytes = bytes;
  }

  /** Values per block. */
  public int length() {
    return length;
  }

  /** Bytes per block. */
  public int bytes() {
    return bytes;
  }

  /**
   * Dequantises neighbouring blocks to float32, with the best kernels of this machine.
   *
   * @param blocks where they are, little-endian, of any alignment
   * @param from byte offset of the first
   * @param count how many
   * @param out where the values go: {@code count · length()} floats, little-endian
   * @param to byte offset of the first
   * @throws IndexOutOfBoundsException if either does not lie within its memory
   */
  public void dequantise(MemorySegment blocks, long from, long count, MemorySegment out, long to) {
    BlockKernels.ofThisMachine().dequantise(this, blocks, from, count, out, to);
  }
}
