package io.sluice.bench;

import io.sluice.memory.HugeMemory;
import io.sluice.simd.KernelProvider;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Reads memory from start to end with almost no arithmetic, as the STREAM benchmark does. This rate
 * limits the product of a matrix with one vector.
 *
 * <p>A core reads several streams of addresses faster than one, so the caller chooses their number.
 */
public final class MemoryRead {
  private static final int[] STREAMS = {1, 2, 4, 8};

  private MemoryRead() {}

  /** The numbers of streams that {@link #sum} knows. */
  public static int[] streams() {
    return STREAMS.clone();
  }

  /**
   * Memory to read, of the kind in which encoders keep their weights; it goes with the last
   * reference to it.
   */
  public static MemorySegment allocate(long bytes) {
    return HugeMemory.allocate(bytes, Arena.ofAuto()).fill((byte) 1);
  }

  /**
   * Adds up float32 values, so that all are read.
   *
   * @param memory the largest multiple of 4096 bytes of it is read
   * @param streams one of {@link #streams()}
   */
  public static float sum(MemorySegment memory, int streams) {
    long part = memory.byteSize() / 4096 * 4096 / streams;
    if (!KernelProvider.isVectorised()) {
      return Scalar.sum(memory, part * streams);
    }
    return switch (streams) {
      case 1 -> Vectors.sumOne(memory, part);
      case 2 -> Vectors.sumTwo(memory, part);
      case 4 -> Vectors.sumFour(memory, part);
      case 8 -> Vectors.sumEight(memory, part);
      default -> throw new IllegalArgumentException("streams must be 1, 2, 4 or 8, not " + streams);
    };
  }

  private static final class Scalar {
    private static final ValueLayout.OfFloat FLOAT =
        ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    static float sum(MemorySegment memory, long bytes) {
      float sum = 0;
      for (long at = 0; at < bytes; at += Float.BYTES) {
        sum += memory.get(FLOAT, at);
      }
      return sum;
    }
  }

  /** A class of its own, so that it loads only where the Vector API is. */
  private static final class Vectors {
    private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
    private static final int BYTES = FLOATS.vectorByteSize();

    static float sumOne(MemorySegment memory, long part) {
      FloatVector a = FloatVector.zero(FLOATS);
      FloatVector b = a;
      FloatVector c = a;
      FloatVector d = a;
      int steps = Math.toIntExact(part / (4L * BYTES));
      for (int i = 0; i < steps; i++) {
        long at = i * 4L * BYTES;
        a = a.add(load(memory, at));
        b = b.add(load(memory, at + BYTES));
        c = c.add(load(memory, at + 2 * BYTES));
        d = d.add(load(memory, at + 3 * BYTES));
      }
      return a.add(b).add(c.add(d)).reduceLanes(VectorOperators.ADD);
    }

    static float sumTwo(MemorySegment memory, long part) {
      FloatVector a = FloatVector.zero(FLOATS);
      FloatVector b = a;
      FloatVector c = a;
      FloatVector d = a;
      int steps = Math.toIntExact(part / (2L * BYTES));
      for (int i = 0; i < steps; i++) {
        long at = i * 2L * BYTES;
        a = a.add(load(memory, at));
        b = b.add(load(memory, at + BYTES));
        c = c.add(load(memory, at + part));
        d = d.add(load(memory, at + part + BYTES));
      }
      return a.add(b).add(c.add(d)).reduceLanes(VectorOperators.ADD);
    }

    static float sumFour(MemorySegment memory, long part) {
      FloatVector a = FloatVector.zero(FLOATS);
      FloatVector b = a;
      FloatVector c = a;
      FloatVector d = a;
      int steps = Math.toIntExact(part / BYTES);
      for (int i = 0; i < steps; i++) {
        long at = (long) i * BYTES;
        a = a.add(load(memory, at));
        b = b.add(load(memory, at + part));
        c = c.add(load(memory, at + 2 * part));
        d = d.add(load(memory, at + 3 * part));
      }
      return a.add(b).add(c.add(d)).reduceLanes(VectorOperators.ADD);
    }

    static float sumEight(MemorySegment memory, long part) {
      FloatVector a = FloatVector.zero(FLOATS);
      FloatVector b = a;
      FloatVector c = a;
      FloatVector d = a;
      FloatVector e = a;
      FloatVector f = a;
      FloatVector g = a;
      FloatVector h = a;
      int steps = Math.toIntExact(part / BYTES);
      for (int i = 0; i < steps; i++) {
        long at = (long) i * BYTES;
        a = a.add(load(memory, at));
        b = b.add(load(memory, at + part));
        c = c.add(load(memory, at + 2 * part));
        d = d.add(load(memory, at + 3 * part));
        e = e.add(load(memory, at + 4 * part));
        f = f.add(load(memory, at + 5 * part));
        g = g.add(load(memory, at + 6 * part));
        h = h.add(load(memory, at + 7 * part));
      }
      return a.add(b).add(c.add(d)).add(e.add(f).add(g.add(h))).reduceLanes(VectorOperators.ADD);
    }

    private static FloatVector load(MemorySegment memory, long at) {
      return FloatVector.fromMemorySegment(FLOATS, memory, at, ByteOrder.LITTLE_ENDIAN);
    }
  }
}
