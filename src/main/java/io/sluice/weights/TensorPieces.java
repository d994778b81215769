package io.sluice.weights;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * One tensor to be written to a file, whose values are made a piece at a time.
 *
 * @param info its name, element type and shape
 * @param values makes its values
 */
public record TensorPieces(TensorInfo info, Values values) {

  /** Makes the values of a tensor. */
  @FunctionalInterface
  public interface Values {
    /**
     * Passes on all values, row-major and little-endian, in pieces of any size. It may be called
     * more than once, and gives the same each time.
     */
    void writeTo(Target target) throws IOException;
  }

  /** Takes pieces of a tensor, one after the other. */
  @FunctionalInterface
  public interface Target {
    /** Takes a piece, which is only read, and only until this returns. */
    void append(MemorySegment piece) throws IOException;
  }

  /** A tensor that is in memory. */
  public static TensorPieces of(TensorData tensor) {
    return new TensorPieces(tensor.info(), target -> target.append(tensor.data()));
  }
}
