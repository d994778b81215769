package io.sluice.engine.spec;

import io.sluice.memory.DType;
import java.util.List;

/**
 * One tensor of an engine's state, by name.
 *
 * @param name stable name, for instance {@code encoder} or {@code encoder.first_moment}
 * @param dtype element type
 * @param shape dimensions, outermost first
 */
public record StateTensor(String name, DType dtype, List<Long> shape) {

  public StateTensor {
    shape = List.copyOf(shape);
  }

  /** Bytes that the tensor takes. */
  public long bytes() {
    return shape.stream().reduce((long) dtype.bytes(), Math::multiplyExact);
  }

  /** Its size along the outermost dimension: for most tensors, the number of features. */
  public long rows() {
    return shape.getFirst();
  }

  /** Bytes that one of its rows takes. */
  public long rowBytes() {
    return shape.stream().skip(1).reduce((long) dtype.bytes(), Math::multiplyExact);
  }
}
