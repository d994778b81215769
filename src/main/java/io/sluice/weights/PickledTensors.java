package io.sluice.weights;

import io.sluice.files.Quoted;
import io.sluice.memory.DType;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The objects that a pickle of tensors may create, by the names of their classes and functions.
 * Every other name is refused.
 *
 * @param file for messages
 */
record PickledTensors(Path file) {
  private static final String REBUILD_TENSOR = "torch._utils._rebuild_tensor_v2";
  private static final String REBUILD_PARAMETER = "torch._utils._rebuild_parameter";
  private static final String ORDERED_DICT = "collections.OrderedDict";

  /** PyTorch's own limit. */
  private static final int MOST_DIMENSIONS = 64;

  private static final Map<String, DType> STORAGES =
      Map.of(
          "torch.FloatStorage", DType.F32,
          "torch.DoubleStorage", DType.F64,
          "torch.HalfStorage", DType.F16,
          "torch.BFloat16Storage", DType.BF16,
          "torch.IntStorage", DType.I32,
          "torch.LongStorage", DType.I64,
          "torch.ByteStorage", DType.U8,
          "torch.BoolStorage", DType.BOOL);

  private static final List<String> KNOWN =
      List.of(REBUILD_TENSOR, REBUILD_PARAMETER, ORDERED_DICT);

  /**
   * A block of values in the file.
   *
   * @param key the name of its entry under {@code data/}
   * @param dtype the type of its values
   * @param elements the number of values
   */
  record Storage(String key, DType dtype, long elements) {}

  /**
   * A tensor: a view of a storage.
   *
   * @param offset the index of its first element
   * @param shape its sizes
   * @param strides elements from one index to the next, by dimension
   */
  record View(Storage storage, long offset, long[] shape, long[] strides) {}

  /** A class or function that the pickle names. */
  record Global(String name) {}

  /** A tuple of the pickle. */
  record Tuple(List<Object> items) {}

  /**
   * A name of the pickle.
   *
   * @throws IOException if tensors do not need it
   */
  Global global(String module, String name) throws IOException {
    String full = module + "." + name;
    if (!KNOWN.contains(full) && !STORAGES.containsKey(full)) {
      throw refused("imports", full);
    }
    return new Global(full);
  }

  private IOException refused(String what, String name) {
    return BadFile.because(
        file,
        "its pickle " + what + " " + Quoted.of(name),
        "only dictionaries of tensors are read, and nothing is ever run");
  }

  /** ('storage', type, key, device, elements): PyTorch's reference to an entry of the file. */
  Storage storage(Tuple id) throws IOException {
    List<Object> items = id.items;
    if (items.size() != 5
        || !items.get(0).equals("storage")
        || !(items.get(1) instanceof Global(String type))
        || !STORAGES.containsKey(type)) {
      throw BadFile.damaged(file, "its pickle refers to something that is not a storage");
    }
    return new Storage((String) items.get(2), STORAGES.get(type), (Long) items.get(4));
  }

  /** The result of a function. */
  Object call(Global function, List<Object> arguments) throws IOException {
    return switch (function.name) {
      case ORDERED_DICT -> {
        if (!arguments.isEmpty()) {
          throw BadFile.damaged(file, "its pickle creates an OrderedDict in an unusual way");
        }
        yield new LinkedHashMap<Object, Object>();
      }
      case REBUILD_PARAMETER -> arguments.get(0);
      case REBUILD_TENSOR ->
          view(
              (Storage) arguments.get(0),
              (Long) arguments.get(1),
              longs((Tuple) arguments.get(2)),
              longs((Tuple) arguments.get(3)));
      default -> throw refused("calls", function.name);
    };
  }

  private long[] longs(Tuple tuple) throws IOException {
    // One long tuple that is referenced many times would become many long arrays.
    if (tuple.items.size() > MOST_DIMENSIONS) {
      throw BadFile.damaged(file, "a tensor has " + tuple.items.size() + " dimensions");
    }
    return tuple.items.stream().mapToLong(item -> (Long) item).toArray();
  }

  private View view(Storage storage, long offset, long[] shape, long[] strides) throws IOException {
    long elements = 1;
    long last = offset;
    boolean sound = offset >= 0 && shape.length == strides.length;
    for (int i = 0; sound && i < shape.length; i++) {
      sound = shape[i] >= 0 && strides[i] >= 0;
      elements = Math.multiplyExact(elements, shape[i]);
      last = Math.addExact(last, Math.multiplyExact(Math.max(0, shape[i] - 1), strides[i]));
    }
    // A stride of 0 would let a small file claim any amount of memory.
    if (!sound || elements > 0 && last >= storage.elements || elements > storage.elements) {
      throw BadFile.damaged(file, "a tensor reaches outside of its storage");
    }
    return new View(storage, offset, shape, strides);
  }
}
