package io.sluice.store;

import io.sluice.memory.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.function.ToIntFunction;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** Conversion and inspection of activation elements in memory: float32, float16, bfloat16. */
final class Elements {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ORDER);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ORDER);
  private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;

  /** The species of shorts with as many lanes as {@link #INTS}. */
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(INTS.vectorBitSize() / 2));

  private static final long PART_BYTES = 1 << 16;
  private static final float TWO_TO_112 = 0x1p112f;

  private Elements() {}

  /** Writes {@code count} elements of type {@code from} to {@code target} as float32. */
  static void widen(
      MemorySegment source, long offset, DType from, MemorySegment target, long at, int count) {
    switch (from) {
      case F32 -> MemorySegment.copy(source, offset, target, at, (long) count * Float.BYTES);
      case BF16 -> widenBfloat16(source, offset, target, at, count);
      case F16 -> widenFloat16(source, offset, target, at, count);
      default -> throw new IllegalArgumentException("cannot widen " + from.label());
    }
  }

  private static void widenBfloat16(
      MemorySegment source, long offset, MemorySegment target, long at, int count) {
    int i = 0;
    for (int bound = SHORTS.loopBound(count); i < bound; i += SHORTS.length()) {
      ShortVector.fromMemorySegment(SHORTS, source, offset + 2L * i, ORDER)
          .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0)
          .reinterpretAsInts()
          .lanewise(VectorOperators.LSHL, 16)
          .intoMemorySegment(target, at + 4L * i, ORDER);
    }
    for (; i < count; i++) {
      target.set(INT, at + 4L * i, source.get(SHORT, offset + 2L * i) << 16);
    }
  }

  // Shifted into place, a float16's exponent is 112 too small, and a multiplication corrects normal
  // and subnormal numbers alike; infinity and NaN get the full exponent by hand.
  private static void widenFloat16(
      MemorySegment source, long offset, MemorySegment target, long at, int count) {
    int i = 0;
    for (int bound = SHORTS.loopBound(count); i < bound; i += SHORTS.length()) {
      IntVector bits =
          ShortVector.fromMemorySegment(SHORTS, source, offset + 2L * i, ORDER)
              .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0)
              .reinterpretAsInts();
      IntVector magnitude = bits.and(0x7fff).lanewise(VectorOperators.LSHL, 13);
      VectorMask<Integer> special = magnitude.compare(VectorOperators.GE, 0x7c00 << 13);
      IntVector finite = magnitude.reinterpretAsFloats().mul(TWO_TO_112).reinterpretAsInts();
      finite
          .blend(magnitude.or(0x7f800000), special)
          .or(bits.and(0x8000).lanewise(VectorOperators.LSHL, 16))
          .intoMemorySegment(target, at + 4L * i, ORDER);
    }
    for (; i < count; i++) {
      float value = Float.float16ToFloat(source.get(SHORT, offset + 2L * i));
      target.set(INT, at + 4L * i, Float.floatToRawIntBits(value));
    }
  }

  /** Rounds {@code count} float32 elements to the nearest of type {@code to}, ties to even. */
  static void narrow(
      MemorySegment source, long offset, MemorySegment target, long at, DType to, int count) {
    switch (to) {
      case F32 -> MemorySegment.copy(source, offset, target, at, (long) count * Float.BYTES);
      case BF16 -> narrowBfloat16(source, offset, target, at, count);
      case F16 -> {
        for (int i = 0; i < count; i++) {
          float value = Float.intBitsToFloat(source.get(INT, offset + 4L * i));
          target.set(SHORT, at + 2L * i, Float.floatToFloat16(value));
        }
      }
      default -> throw new IllegalArgumentException("cannot narrow to " + to.label());
    }
  }

  private static void narrowBfloat16(
      MemorySegment source, long offset, MemorySegment target, long at, int count) {
    int i = 0;
    for (int bound = INTS.loopBound(count); i < bound; i += INTS.length()) {
      IntVector bits = IntVector.fromMemorySegment(INTS, source, offset + 4L * i, ORDER);
      IntVector odd = bits.lanewise(VectorOperators.LSHR, 16).and(1);
      VectorMask<Integer> nan = bits.and(0x7fffffff).compare(VectorOperators.GT, 0x7f800000);
      bits.add(odd)
          .add(0x7fff)
          .blend(bits.or(0x00400000), nan)
          .lanewise(VectorOperators.LSHR, 16)
          .convertShape(VectorOperators.I2S, SHORTS, 0)
          .reinterpretAsShorts()
          .intoMemorySegment(target, at + 2L * i, ORDER);
    }
    for (; i < count; i++) {
      int bits = source.get(INT, offset + 4L * i);
      boolean nan = (bits & 0x7fffffff) > 0x7f800000;
      int rounded = nan ? bits | 0x00400000 : bits + 0x7fff + (bits >>> 16 & 1);
      target.set(SHORT, at + 2L * i, (short) (rounded >>> 16));
    }
  }

  /** The index of the first NaN or infinity in {@code memory}, or -1. */
  static long firstNonFinite(MemorySegment memory, DType dtype) {
    // The common case is one pass that keeps the largest magnitude; only a hit is then looked for.
    return switch (dtype) {
      case F32 -> allFinite32(memory) ? -1 : find32(memory);
      case F16 -> allFinite16(memory, 0x7c00) ? -1 : find16(memory, 0x7c00);
      case BF16 -> allFinite16(memory, 0x7f80) ? -1 : find16(memory, 0x7f80);
      default -> -1;
    };
  }

  private static boolean allFinite32(MemorySegment memory) {
    return largest(memory, Elements::largest32) < 0x7f800000;
  }

  private static boolean allFinite16(MemorySegment memory, int infinity) {
    int most = largest(memory, Elements::largest16);
    for (long at = memory.byteSize() & ~3L; at < memory.byteSize(); at += Short.BYTES) {
      most = Math.max(most, memory.get(SHORT, at) & 0x7fff);
    }
    return most < infinity;
  }

  /** The maximum of {@code ofPart} over parts that are small enough for int indices. */
  private static int largest(MemorySegment memory, ToIntFunction<MemorySegment> ofPart) {
    int most = 0;
    for (long at = 0; at < memory.byteSize(); at += PART_BYTES) {
      long bytes = Math.min(PART_BYTES, memory.byteSize() - at);
      most = Math.max(most, ofPart.applyAsInt(memory.asSlice(at, bytes)));
    }
    return most;
  }

  // Plain loops, which the compiler vectorises. Until they are compiled, vectors of the Vector API
  // would be objects, and a short capture would spend much of its time on this check.

  private static int largest32(MemorySegment part) {
    int count = (int) (part.byteSize() / Integer.BYTES);
    int most = 0;
    for (int i = 0; i < count; i++) {
      most = Math.max(most, part.get(INT, (long) i * Integer.BYTES) & 0x7fffffff);
    }
    return most;
  }

  /** Two elements at a time; an odd last element is left out. */
  private static int largest16(MemorySegment part) {
    int pairs = (int) (part.byteSize() / Integer.BYTES);
    int most = 0;
    for (int i = 0; i < pairs; i++) {
      int pair = part.get(INT, (long) i * Integer.BYTES);
      most = Math.max(most, pair & 0x7fff);
      most = Math.max(most, pair >>> 16 & 0x7fff);
    }
    return most;
  }

  private static long find32(MemorySegment memory) {
    for (long i = 0; ; i++) {
      if ((memory.get(INT, 4 * i) & 0x7f800000) == 0x7f800000) {
        return i;
      }
    }
  }

  private static long find16(MemorySegment memory, int infinity) {
    for (long i = 0; ; i++) {
      if ((memory.get(SHORT, 2 * i) & infinity) == infinity) {
        return i;
      }
    }
  }

  /** The element at {@code index} as a float32. */
  static float get(MemorySegment memory, DType dtype, long index) {
    return switch (dtype) {
      case F32 -> Float.intBitsToFloat(memory.get(INT, 4 * index));
      case F16 -> Float.float16ToFloat(memory.get(SHORT, 2 * index));
      case BF16 -> Float.intBitsToFloat(memory.get(SHORT, 2 * index) << 16);
      default -> throw new IllegalArgumentException("not a floating-point type: " + dtype.label());
    };
  }
}
