package io.sluice.edges;

import io.sluice.memory.DType;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** Tensors of every kind for the arguments of one call; they belong to the innermost scope. */
final class Tensors {
  private static final DType[] TYPES = DType.values();
  private static final boolean CUDA = Boolean.getBoolean("sluice.edges.cuda");

  private final Arguments arguments;
  private final List<Tensor> made = new ArrayList<>();

  Tensors(Arguments arguments) {
    this.arguments = arguments;
  }

  Tensor next() {
    if (!made.isEmpty() && arguments.chance(25)) {
      return made.get(arguments.random.nextInt(made.size()));
    }
    Tensor tensor = changed(plain());
    made.add(tensor);
    return tensor;
  }

  private DType type() {
    if (arguments.chance(60)) {
      return DType.F32;
    }
    return arguments.chance(40) ? DType.I64 : TYPES[arguments.random.nextInt(TYPES.length)];
  }

  private long[] shape() {
    int rank = arguments.random.nextInt(16) == 0 ? 7 : arguments.random.nextInt(5);
    long[] shape = new long[rank];
    long elements = 1;
    for (int i = 0; i < rank; i++) {
      long size = arguments.size();
      shape[i] = elements * size > 1 << 16 ? 1 : size;
      elements *= shape[i];
    }
    return shape;
  }

  private Tensor plain() {
    long[] shape = shape();
    int elements = 1;
    for (long size : shape) {
      elements *= (int) size;
    }
    DType type = type();
    if (arguments.chance(25)) {
      int values = (elements * type.bytes() + 3) / 4;
      MemorySegment memory =
          arguments.chance(20)
              ? arguments.memories().segment(arguments)
              : arguments.memories().floats(arguments, values);
      try {
        return Tensor.of(arguments.chance(20) ? memory.asReadOnly() : memory, type, shape);
      } catch (RuntimeException e) {
        // Memory that a tensor cannot have.
      }
    }
    if (!type.isFloating()) {
      long[] values = new long[elements];
      int end = Math.max(1, arguments.chance(80) ? arguments.size() : 1 << 16);
      boolean ascending = arguments.chance(40);
      for (int i = 0; i < elements; i++) {
        values[i] =
            ascending
                ? (long) i * end / Math.max(1, elements - 1)
                : arguments.random.nextInt(arguments.chance(98) ? 0 : -2, end);
      }
      return moved(Tensor.ofLongs(values, shape).to(type));
    }
    float[] values = new float[elements];
    boolean tame = arguments.chance(85);
    for (int i = 0; i < elements; i++) {
      values[i] = tame ? (float) arguments.random.nextGaussian() : (float) arguments.real();
    }
    return moved(Tensor.ofFloats(values, shape).to(type));
  }

  private Tensor moved(Tensor tensor) {
    return CUDA && arguments.chance(60) ? tensor.to(Device.cuda(0)) : tensor;
  }

  /** Another view of the same, or closed. */
  private Tensor changed(Tensor tensor) {
    try {
      int rank = tensor.rank();
      return switch (arguments.random.nextInt(24)) {
        case 0 -> {
          tensor.close();
          yield tensor;
        }
        case 1, 2 -> rank > 1 ? tensor.transpose(0, rank - 1) : tensor;
        case 3 -> rank > 0 && tensor.size(0) > 1 ? tensor.narrow(0, 1, tensor.size(0) - 1) : tensor;
        case 4 -> tensor.unsqueeze(0).expand(expanded(tensor, 1L + arguments.size()));
        case 5 -> tensor.unsqueeze(0).expand(expanded(tensor, 1L << 41 + arguments.size() % 20));
        default -> tensor;
      };
    } catch (RuntimeException e) {
      return tensor;
    }
  }

  private static long[] expanded(Tensor tensor, long first) {
    long[] shape = tensor.shape();
    long[] wider = new long[shape.length + 1];
    wider[0] = first;
    System.arraycopy(shape, 0, wider, 1, shape.length);
    return wider;
  }
}
