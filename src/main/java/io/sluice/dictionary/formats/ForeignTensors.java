package io.sluice.dictionary.formats;

import io.sluice.dictionary.WeightRows;
import io.sluice.files.Quoted;
import io.sluice.memory.DType;
import io.sluice.memory.HugeMemory;
import io.sluice.memory.MappedPages;
import io.sluice.weights.TensorInfo;
import io.sluice.weights.TensorSource;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.TreeSet;

/**
 * The tensors of another library's dictionary as finite float32 values of the shapes that its
 * config implies. It records which tensors were read, so that unknown ones are detected.
 */
final class ForeignTensors {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
  private static final ValueLayout.OfFloat F32 = FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble F64 =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong I64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort F16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Side of the blocks in which matrices are transposed. */
  private static final int BLOCK = 64;

  private final TensorSource source;
  private final String sizes;
  private final String remedy;
  private final Set<String> read = new HashSet<>();

  /**
   * Tensors of a file.
   *
   * @param config the name of the config file, for messages
   */
  ForeignTensors(TensorSource source, String config) {
    this(source, config, "check the architecture in " + config);
  }

  private ForeignTensors(TensorSource source, String sizes, String remedy) {
    this.source = source;
    this.sizes = sizes;
    this.remedy = remedy;
  }

  /**
   * Tensors of a file whose sizes no config has.
   *
   * @param first the tensor whose sizes the others are checked against
   */
  static ForeignTensors measuredBy(TensorSource source, String first) {
    return new ForeignTensors(source, "its " + first, "it may be of another format");
  }

  /**
   * The sizes of a matrix, which no config has.
   *
   * @throws IOException if it is missing or no matrix, or has a size of 0 or beyond 32 bits
   */
  int[] sides(String name) throws IOException {
    long[] shape = info(name).shape();
    if (shape.length != 2
        || Math.min(shape[0], shape[1]) < 1
        || Math.max(shape[0], shape[1]) > Integer.MAX_VALUE) {
      throw new IOException(
          "%s: tensor %s is %s, not a matrix of positive 32-bit sizes"
              .formatted(source.path(), Quoted.of(name), Arrays.toString(shape)));
    }
    return new int[] {(int) shape[0], (int) shape[1]};
  }

  /** The error for what is wrong in the file. */
  IOException wrong(String what) {
    return new IOException(source.path() + ": " + what);
  }

  boolean has(String name) {
    return source.contains(name);
  }

  Set<String> names() {
    return source.names();
  }

  /** Ignores a tensor that has no effect. */
  void ignore(String name) {
    read.add(name);
  }

  float[] vector(String name, int length) throws IOException {
    return floats(name, length);
  }

  /**
   * Whether all elements of a tensor are 1 by PyTorch's {@code allclose}, so that multiplying by it
   * has no effect.
   */
  boolean isOnes(String name) throws IOException {
    TensorInfo info = info(name);
    MemorySegment data = data(name, info.shape());
    long count = 1;
    for (long side : info.shape()) {
      count = Math.multiplyExact(count, side);
    }
    for (long i = 0; i < count; i++) {
      if (!(Math.abs(value(data, info.dtype(), i) - 1) <= 1e-8 + 1e-5)) {
        return false;
      }
    }
    return true;
  }

  float scalar(String name) throws IOException {
    TensorInfo info = info(name);
    return floats(name, info.shape().length == 0 ? new long[0] : new long[] {1})[0];
  }

  /** A vector of integers of any length. */
  long[] integers(String name) throws IOException {
    TensorInfo info = info(name);
    boolean wide = info.dtype() == DType.I64;
    if (!wide && info.dtype() != DType.I32 || info.shape().length != 1) {
      throw new IOException(
          "%s: tensor %s is %s %s, not a list of integers"
              .formatted(
                  source.path(),
                  Quoted.of(name),
                  info.dtype().label(),
                  Arrays.toString(info.shape())));
    }
    read.add(name);
    MemorySegment data = source.data(name);
    long[] values = new long[(int) info.shape()[0]];
    Arrays.setAll(values, i -> wide ? data.getAtIndex(I64, i) : data.getAtIndex(I32, i));
    return values;
  }

  /** A matrix {@code [rows, columns]} in memory. */
  MemorySegment matrix(String name, int rows, int columns) throws IOException {
    MemorySegment out = allocate((long) rows * columns);
    rows(name, rows, columns).read(0, out);
    return out;
  }

  /** A matrix {@code [rows, columns]}, of which some rows at a time are read. */
  WeightRows rows(String name, int rows, int columns) throws IOException {
    MemorySegment data = data(name, rows, columns);
    DType dtype = info(name).dtype();
    return (first, out) -> {
      long start = (long) first * columns;
      for (long i = 0; i < out.byteSize() / Float.BYTES; i++) {
        out.setAtIndex(FLOAT, i, finite(name, start + i, value(data, dtype, start + i)));
      }
      long read = out.byteSize() / Float.BYTES * dtype.bytes();
      MappedPages.release(data.asSlice(start * dtype.bytes(), read));
    };
  }

  /** Like {@link #rows}, where the file stores the matrix as {@code [columns, rows]}. */
  WeightRows transposed(String name, int rows, int columns) throws IOException {
    MemorySegment data = data(name, columns, rows);
    DType dtype = info(name).dtype();
    return (first, out) -> {
      int count = Math.toIntExact(out.byteSize() / Float.BYTES / columns);
      for (int row = 0; row < count; row += BLOCK) {
        for (int column = 0; column < columns; column += BLOCK) {
          for (int r = row; r < Math.min(count, row + BLOCK); r++) {
            for (int c = column; c < Math.min(columns, column + BLOCK); c++) {
              long from = (long) c * rows + first + r;
              out.setAtIndex(
                  FLOAT, (long) r * columns + c, finite(name, from, value(data, dtype, from)));
            }
          }
        }
      }
      // Each of the file's rows was read in part, so pages of all of them are there.
      MappedPages.release(data);
    };
  }

  /** A vector in native memory. */
  MemorySegment segment(String name, int length) throws IOException {
    return segment(floats(name, length));
  }

  static MemorySegment segment(float[] values) {
    return Arena.ofAuto().allocateFrom(FLOAT, values);
  }

  /** {@code count} zeros in native memory. */
  static MemorySegment allocate(long count) {
    return HugeMemory.allocate(count * Float.BYTES, Arena.ofAuto());
  }

  /** Refuses a file with tensors that were not read, since they may change the computation. */
  void requireNoOthers(String kind) throws IOException {
    Set<String> others = new TreeSet<>(source.names());
    others.removeAll(read);
    if (!others.isEmpty()) {
      throw new IOException(
          source.path()
              + ": has a tensor "
              + Quoted.of(others.iterator().next())
              + ", which "
              + kind
              + " does not have; "
              + remedy);
    }
  }

  private float[] floats(String name, long... shape) throws IOException {
    MemorySegment data = data(name, shape);
    DType dtype = info(name).dtype();
    float[] values = new float[(int) Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
    for (int i = 0; i < values.length; i++) {
      values[i] = finite(name, i, value(data, dtype, i));
    }
    return values;
  }

  private TensorInfo info(String name) throws IOException {
    if (!source.contains(name)) {
      throw new IOException(
          source.path()
              + ": tensor "
              + Quoted.of(name)
              + " is missing; it has "
              + (source.names().isEmpty()
                  ? "none"
                  : String.join(", ", source.names().stream().map(Quoted::of).limit(12).toList())));
    }
    return source.info(name);
  }

  private MemorySegment data(String name, long... shape) throws IOException {
    TensorInfo info = info(name);
    boolean floating =
        switch (info.dtype()) {
          case F32, F16, BF16, F64 -> true;
          default -> false;
        };
    if (!floating || !Arrays.equals(info.shape(), shape)) {
      throw new IOException(
          "%s: tensor %s is %s %s, but %s requires floating-point numbers %s"
              .formatted(
                  source.path(),
                  Quoted.of(name),
                  info.dtype().label(),
                  Arrays.toString(info.shape()),
                  sizes,
                  Arrays.toString(shape)));
    }
    read.add(name);
    return source.data(name);
  }

  private static float value(MemorySegment data, DType dtype, long index) {
    return switch (dtype) {
      case F32 -> data.getAtIndex(F32, index);
      case F64 -> (float) data.getAtIndex(F64, index);
      case F16 -> Float.float16ToFloat(data.getAtIndex(F16, index));
      default -> Float.intBitsToFloat(data.getAtIndex(F16, index) << 16);
    };
  }

  private float finite(String name, long index, float value) throws IOException {
    if (!Float.isFinite(value)) {
      throw new IOException(
          "%s: element %d of tensor %s is %s; fetch the file again"
              .formatted(source.path(), index, Quoted.of(name), value));
    }
    return value;
  }
}
