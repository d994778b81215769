package io.sluice.simd.blocks;

import io.sluice.simd.VectorWidth;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link BlockKernels} for one vector width, defined once per width, see {@link
 * io.sluice.simd.KernelProvider}.
 *
 * <p>Bytes are widened to ints, masked and shifted there, and converted to floats, which is exact;
 * then come the same multiplication and addition as in {@link ScalarBlockKernels}, never fused.
 */
final class VectorBlockKernels implements BlockKernels {
  private static final VectorSpecies<Float> FLOATS = VectorWidth.speciesOf(MethodHandles.lookup());
  private static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);
  private static final int LANES = FLOATS.length();

  /** There is no byte vector of four lanes, so the narrowest kernels take eight bytes in parts. */
  private static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, LANES * Byte.SIZE)));

  private static final int STEP = BYTES.length();
  private static final int PARTS = STEP / LANES;
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final IntVector IOTA = IntVector.zero(INTS).addIndex(1);

  @Override
  public String name() {
    return "vector-" + FLOATS.vectorBitSize();
  }

  @Override
  public void dequantise(
      BlockFormat format, MemorySegment blocks, long from, long count, MemorySegment out, long to) {
    // Slices end where the blocks and values end: neither is read or written beyond.
    MemorySegment in = blocks.asSlice(from, count * format.bytes());
    MemorySegment floats = out.asSlice(to, count * format.length() * Float.BYTES);
    switch (format) {
      case Q4_0 -> q4(in, count, floats);
      case Q4_1 -> q4WithMinimum(in, count, floats);
      case Q5_0 -> q5(in, count, floats);
      case Q5_1 -> q5WithMinimum(in, count, floats);
      case Q8_0 -> q8(in, count, floats);
      case Q4_K -> q4Grouped(in, count, floats);
      case Q5_K -> q5Grouped(in, count, floats);
      case Q6_K -> q6Grouped(in, count, floats);
    }
  }

  private static void q4(MemorySegment blocks, long count, MemorySegment out) {
    for (long block = 0; block < count; block++) {
      long at = block * (2 + 16);
      long to = block * 128;
      float d = BlockScales.half(blocks, at);
      for (int i = 0; i < 16; i += STEP) {
        ByteVector bytes = bytes(blocks, at + 2 + i);
        for (int part = 0; part < PARTS; part++) {
          IntVector q = unsigned(bytes, part);
          long place = to + 4L * (i + part * LANES);
          floats(q.and(15).sub(8)).mul(d).intoMemorySegment(out, place, ORDER);
          floats(high(q).sub(8)).mul(d).intoMemorySegment(out, place + 64, ORDER);
        }
      }
    }
  }

  private static void q4WithMinimum(MemorySegment blocks, long count, MemorySegment out) {
    for (long block = 0; block < count; block++) {
      long at = block * (2 + 2 + 16);
      long to = block * 128;
      float d = BlockScales.half(blocks, at);
      float m = BlockScales.half(blocks, at + 2);
      for (int i = 0; i < 16; i += STEP) {
        ByteVector bytes = bytes(blocks, at + 4 + i);
        for (int part = 0; part < PARTS; part++) {
          IntVector q = unsigned(bytes, part);
          long place = to + 4L * (i + part * LANES);
          floats(q.and(15)).mul(d).add(m).intoMemorySegment(out, place, ORDER);
          floats(high(q)).mul(d).add(m).intoMemorySegment(out, place + 64, ORDER);
        }
      }
    }
  }

  private static void q5(MemorySegment blocks, long count, MemorySegment out) {
    for (long block = 0; block < count; block++) {
      long at = block * (2 + 4 + 16);
      long to = block * 128;
      float d = BlockScales.half(blocks, at);
      int fifths = BlockScales.bits32(blocks, at + 2);
      for (int i = 0; i < 16; i += STEP) {
        ByteVector bytes = bytes(blocks, at + 6 + i);
        for (int part = 0; part < PARTS; part++) {
          IntVector q = unsigned(bytes, part);
          int first = i + part * LANES;
          long place = to + 4L * first;
          IntVector low = q.and(15).or(fifth(fifths, first));
          IntVector high = high(q).or(fifth(fifths, first + 16));
          floats(low.sub(16)).mul(d).intoMemorySegment(out, place, ORDER);
          floats(high.sub(16)).mul(d).intoMemorySegment(out, place + 64, ORDER);
        }
      }
    }
  }

  private static void q5WithMinimum(MemorySegment blocks, long count, MemorySegment out) {
    for (long block = 0; block < count; block++) {
      long at = block * (2 + 2 + 4 + 16);
      long to = block * 128;
      float d = BlockScales.half(blocks, at);
      float m = BlockScales.half(blocks, at + 2);
      int fifths = BlockScales.bits32(blocks, at + 4);
      for (int i = 0; i < 16; i += STEP) {
        ByteVector bytes = bytes(blocks, at + 8 + i);
        for (int part = 0; part < PARTS; part++) {
          IntVector q = unsigned(bytes, part);
          int first = i + part * LANES;
          long place = to + 4L * first;
          IntVector low = q.and(15).or(fifth(fifths, first));
          IntVector high = high(q).or(fifth(fifths, first + 16));
          floats(low).mul(d).add(m).intoMemorySegment(out, place, ORDER);
          floats(high).mul(d).add(m).intoMemorySegment(out, place + 64, ORDER);
        }
      }
    }
  }

  private static void q8(MemorySegment blocks, long count, MemorySegment out) {
    for (long block = 0; block < count; block++) {
      long at = block * (2 + 32);
      long to = block * 128;
      float d = BlockScales.half(blocks, at);
      for (int i = 0; i < 32; i += STEP) {
        ByteVector bytes = bytes(blocks, at + 2 + i);
        for (int part = 0; part < PARTS; part++) {
          IntVector q = (IntVector) bytes.convertShape(VectorOperators.B2I, INTS, part);
          floats(q).mul(d).intoMemorySegment(out, to + 4L * (i + part * LANES), ORDER);
        }
      }
    }
  }

  private static void q4Grouped(MemorySegment blocks, long count, MemorySegment out) {
    for (long block = 0; block < count; block++) {
      long at = block * (2 + 2 + 12 + 128);
      long to = block * 1024;
      float d = BlockScales.half(blocks, at);
      float m = BlockScales.half(blocks, at + 2);
      for (int pair = 0; pair < 4; pair++) {
        float d0 = d * BlockScales.scale(blocks, at + 4, 2 * pair);
        float m0 = m * BlockScales.minimum(blocks, at + 4, 2 * pair);
        float d1 = d * BlockScales.scale(blocks, at + 4, 2 * pair + 1);
        float m1 = m * BlockScales.minimum(blocks, at + 4, 2 * pair + 1);
        for (int i = 0; i < 32; i += STEP) {
          ByteVector bytes = bytes(blocks, at + 16 + pair * 32 + i);
          for (int part = 0; part < PARTS; part++) {
            IntVector q = unsigned(bytes, part);
            long place = to + pair * 256 + 4L * (i + part * LANES);
            floats(q.and(15)).mul(d0).sub(m0).intoMemorySegment(out, place, ORDER);
            floats(high(q)).mul(d1).sub(m1).intoMemorySegment(out, place + 128, ORDER);
          }
        }
      }
    }
  }

  private static void q5Grouped(MemorySegment blocks, long count, MemorySegment out) {
    for (long block = 0; block < count; block++) {
      long at = block * (2 + 2 + 12 + 32 + 128);
      long to = block * 1024;
      float d = BlockScales.half(blocks, at);
      float m = BlockScales.half(blocks, at + 2);
      for (int pair = 0; pair < 4; pair++) {
        float d0 = d * BlockScales.scale(blocks, at + 4, 2 * pair);
        float m0 = m * BlockScales.minimum(blocks, at + 4, 2 * pair);
        float d1 = d * BlockScales.scale(blocks, at + 4, 2 * pair + 1);
        float m1 = m * BlockScales.minimum(blocks, at + 4, 2 * pair + 1);
        for (int i = 0; i < 32; i += STEP) {
          ByteVector fifths = bytes(blocks, at + 16 + i);
          ByteVector bytes = bytes(blocks, at + 48 + pair * 32 + i);
          for (int part = 0; part < PARTS; part++) {
            IntVector q = unsigned(bytes, part);
            IntVector f = unsigned(fifths, part).lanewise(VectorOperators.LSHR, 2 * pair);
            IntVector f0 = f.and(1).lanewise(VectorOperators.LSHL, 4);
            IntVector f1 = f.and(2).lanewise(VectorOperators.LSHL, 3);
            long place = to + pair * 256 + 4L * (i + part * LANES);
            floats(q.and(15).or(f0)).mul(d0).sub(m0).intoMemorySegment(out, place, ORDER);
            floats(high(q).or(f1)).mul(d1).sub(m1).intoMemorySegment(out, place + 128, ORDER);
          }
        }
      }
    }
  }

  private static void q6Grouped(MemorySegment blocks, long count, MemorySegment out) {
    for (long block = 0; block < count; block++) {
      long at = block * (128 + 64 + 16 + 2);
      long to = block * 1024;
      float d = BlockScales.half(blocks, at + 208);
      for (int group = 0; group < 16; group++) {
        // Of the 128 values of this half of the block, which 16 these are.
        int half = group / 8;
        int first = group % 8 * 16;
        float scale = d * (byte) BlockScales.unsigned(blocks, at + 192 + group);
        int lowShift = first / 64 * 4;
        int highShift = first / 32 * 2;
        for (int i = 0; i < 16; i += STEP) {
          ByteVector lows = bytes(blocks, at + half * 64 + first % 64 + i);
          ByteVector highs = bytes(blocks, at + 128 + half * 32 + first % 32 + i);
          for (int part = 0; part < PARTS; part++) {
            IntVector low = unsigned(lows, part).lanewise(VectorOperators.LSHR, lowShift).and(15);
            IntVector high = unsigned(highs, part).lanewise(VectorOperators.LSHR, highShift).and(3);
            IntVector q = low.or(high.lanewise(VectorOperators.LSHL, 4)).sub(32);
            long place = to + 4L * (group * 16 + i + part * LANES);
            floats(q).mul(scale).intoMemorySegment(out, place, ORDER);
          }
        }
      }
    }
  }

  private static ByteVector bytes(MemorySegment blocks, long at) {
    return ByteVector.fromMemorySegment(BYTES, blocks, at, ORDER);
  }

  private static IntVector unsigned(ByteVector bytes, int part) {
    return (IntVector) bytes.convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, part);
  }

  private static IntVector high(IntVector q) {
    return q.lanewise(VectorOperators.LSHR, 4);
  }

  /** Bits {@code first}, {@code first + 1}, …, each as the fifth bit of a number. */
  private static IntVector fifth(int bits, int first) {
    return IntVector.broadcast(INTS, bits)
        .lanewise(VectorOperators.LSHR, IOTA.add(first))
        .and(1)
        .lanewise(VectorOperators.LSHL, 4);
  }

  private static FloatVector floats(IntVector q) {
    return (FloatVector) q.convertShape(VectorOperators.I2F, FLOATS, 0);
  }
}
