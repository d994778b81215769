package io.sluice.weights;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Reads any tensor as doubles, slowly and plainly. */
final class Values {
  private Values() {}

  static double[] of(TensorSource source, String name) {
    TensorInfo info = source.info(name);
    MemorySegment data = source.data(name);
    double[] values = new double[(int) info.elements()];
    for (int i = 0; i < values.length; i++) {
      values[i] =
          switch (info.dtype()) {
            case F32 -> data.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            case F64 -> data.getAtIndex(ValueLayout.JAVA_DOUBLE, i);
            case F16 -> Float.float16ToFloat(data.getAtIndex(ValueLayout.JAVA_SHORT, i));
            case BF16 ->
                Float.intBitsToFloat(data.getAtIndex(ValueLayout.JAVA_SHORT, i) << Short.SIZE);
            case I32 -> data.getAtIndex(ValueLayout.JAVA_INT, i);
            case I64 -> data.getAtIndex(ValueLayout.JAVA_LONG, i);
            case U8, BOOL -> data.get(ValueLayout.JAVA_BYTE, i) & 0xff;
          };
    }
    return values;
  }

  /** Touches every byte that a source hands out. */
  static long touch(TensorSource source) {
    long sum = 0;
    for (String name : source.names()) {
      MemorySegment data = source.data(name);
      for (long i = 0; i < data.byteSize(); i++) {
        sum += data.get(ValueLayout.JAVA_BYTE, i);
      }
    }
    return sum;
  }
}
