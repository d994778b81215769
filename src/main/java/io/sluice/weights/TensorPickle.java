package io.sluice.weights;

import io.sluice.files.Quoted;
import io.sluice.memory.DType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads what PyTorch pickles when it saves a dictionary of tensors. A pickle is a program; this
 * knows only the instructions that tensors need and only the few names in {@link #KNOWN}, and runs
 * nothing. Whatever else a file asks for is refused by name.
 */
final class TensorPickle {
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
   * @param elements how many there are
   */
  record Storage(String key, DType dtype, long elements) {}

  /**
   * A tensor: a view of a storage.
   *
   * @param offset the place of its first element
   * @param shape its sizes
   * @param strides elements from one index to the next, by dimension
   */
  record View(Storage storage, long offset, long[] shape, long[] strides) {}

  private record Global(String name) {}

  private record Tuple(List<Object> items) {}

  private enum Constant {
    NONE,
    MARK
  }

  private final Path file;
  private final ByteBuffer in;
  private final ArrayDeque<Object> stack = new ArrayDeque<>();
  private final Map<Integer, Object> memo = new HashMap<>();

  private TensorPickle(Path file, byte[] bytes) {
    this.file = file;
    this.in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * The tensors of a pickled dictionary, by name.
   *
   * @throws IOException if it holds anything else, or is damaged
   */
  static Map<String, View> read(Path file, byte[] bytes) throws IOException {
    TensorPickle pickle = new TensorPickle(file, bytes);
    Object root;
    try {
      root = pickle.run();
    } catch (java.nio.BufferUnderflowException
        | java.util.NoSuchElementException
        | ClassCastException
        | ArithmeticException
        | IndexOutOfBoundsException e) {
      throw BadFile.damaged(file, "its pickle is cut off or makes no sense");
    }
    if (!(root instanceof Map<?, ?> entries)) {
      throw BadFile.because(
          file, "holds " + describe(root), "save a dictionary of tensors: a state_dict()");
    }
    Map<String, View> tensors = new LinkedHashMap<>();
    for (Map.Entry<?, ?> entry : entries.entrySet()) {
      if (!(entry.getKey() instanceof String name) || !(entry.getValue() instanceof View view)) {
        throw BadFile.because(
            file,
            "entry "
                + Quoted.of(String.valueOf(entry.getKey()))
                + " is "
                + describe(entry.getValue()),
            "save a dictionary of nothing but tensors: a state_dict()");
      }
      tensors.put(name, view);
    }
    return tensors;
  }

  private static String describe(Object value) {
    return switch (value) {
      case View view -> "one tensor";
      case Map<?, ?> map -> "a dictionary";
      case List<?> list -> "a list";
      case Tuple tuple -> "a tuple";
      case String text -> "a text";
      case Constant none -> "None";
      default -> "no tensor";
    };
  }

  private Object run() throws IOException {
    while (true) {
      int code = in.get() & 0xff;
      switch (code) {
        case 0x80 -> in.get(); // PROTO
        case 0x95 -> in.getLong(); // FRAME
        case '.' -> {
          return stack.pop();
        }
        case '(' -> stack.push(Constant.MARK);
        case 'N' -> stack.push(Constant.NONE);
        case 0x88 -> stack.push(true);
        case 0x89 -> stack.push(false);
        case 'J' -> stack.push((long) in.getInt());
        case 'K' -> stack.push((long) (in.get() & 0xff));
        case 'M' -> stack.push((long) (in.getShort() & 0xffff));
        case 0x8a -> stack.push(longOf(in.get() & 0xff)); // LONG1
        case 'G' -> stack.push(in.order(ByteOrder.BIG_ENDIAN).getDouble());
        case 'X' -> stack.push(text(in.getInt())); // BINUNICODE
        case 0x8c -> stack.push(text(in.get() & 0xff)); // SHORT_BINUNICODE
        case ')' -> stack.push(new Tuple(List.of()));
        case 0x85 -> stack.push(tuple(1));
        case 0x86 -> stack.push(tuple(2));
        case 0x87 -> stack.push(tuple(3));
        case 't' -> stack.push(new Tuple(sinceMark()));
        case '}' -> stack.push(new LinkedHashMap<Object, Object>());
        case ']' -> stack.push(new ArrayList<Object>());
        case 'a' -> {
          Object item = stack.pop();
          list().add(item);
        }
        case 'e' -> {
          List<Object> items = sinceMark();
          list().addAll(items);
        }
        case 's' -> {
          Object value = stack.pop();
          Object key = stack.pop();
          put(key, value);
        }
        case 'u' -> {
          List<Object> items = sinceMark();
          for (int i = 0; i < items.size(); i += 2) {
            put(items.get(i), items.get(i + 1));
          }
        }
        case 'q' -> memo.put(in.get() & 0xff, stack.element());
        case 'r' -> memo.put(in.getInt(), stack.element());
        case 0x94 -> memo.put(memo.size(), stack.element()); // MEMOIZE
        case 'h' -> recall(in.get() & 0xff);
        case 'j' -> recall(in.getInt());
        case 'c' -> stack.push(global(line(), line()));
        case 0x93 -> { // STACK_GLOBAL
          String name = (String) stack.pop();
          stack.push(global((String) stack.pop(), name));
        }
        case 'Q' -> stack.push(storage((Tuple) stack.pop())); // BINPERSID
        case 'R' -> {
          Tuple arguments = (Tuple) stack.pop();
          stack.push(call((Global) stack.pop(), arguments.items));
        }
        case 'b' -> {
          // What a state_dict carries beside its entries: versions of modules, of no use here.
          stack.pop();
          map();
        }
        default ->
            throw BadFile.because(
                file,
                "its pickle has instruction 0x%02x, which tensors do not need".formatted(code),
                "only dictionaries of tensors are read, and nothing is ever run");
      }
      // Numbers after a BINFLOAT are little-endian again.
      in.order(ByteOrder.LITTLE_ENDIAN);
    }
  }

  private Tuple tuple(int length) {
    Object[] items = new Object[length];
    for (int i = length - 1; i >= 0; i--) {
      items[i] = stack.pop();
    }
    return new Tuple(List.of(items));
  }

  private List<Object> sinceMark() {
    Deque<Object> items = new ArrayDeque<>();
    for (Object item = stack.pop(); item != Constant.MARK; item = stack.pop()) {
      items.push(item);
    }
    return new ArrayList<>(items);
  }

  private void put(Object key, Object value) throws IOException {
    // Other keys could hold themselves, and would never be done being hashed.
    if (!(key instanceof String) && !(key instanceof Long)) {
      throw BadFile.damaged(file, "its pickle has a dictionary with keys that are no names");
    }
    map().put(key, value);
  }

  @SuppressWarnings("unchecked")
  private Map<Object, Object> map() {
    return (Map<Object, Object>) (Map<?, ?>) stack.element();
  }

  @SuppressWarnings("unchecked")
  private List<Object> list() {
    return (List<Object>) (List<?>) stack.element();
  }

  private void recall(int index) throws IOException {
    Object value = memo.get(index);
    if (value == null) {
      throw BadFile.damaged(file, "its pickle recalls what it has not kept");
    }
    stack.push(value);
  }

  private long longOf(int length) throws IOException {
    if (length > Long.BYTES) {
      throw BadFile.damaged(file, "its pickle has a number of " + length + " bytes");
    }
    long value = 0;
    for (int i = 0; i < length; i++) {
      long next = in.get();
      // The last byte carries the sign.
      value |= (i == length - 1 ? next : next & 0xff) << (8 * i);
    }
    return value;
  }

  private String text(int length) {
    if (length < 0 || length > in.remaining()) {
      throw new java.nio.BufferUnderflowException();
    }
    byte[] bytes = new byte[length];
    in.get(bytes);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private String line() {
    int start = in.position();
    while (in.get() != '\n') {}
    return new String(in.array(), start, in.position() - 1 - start, StandardCharsets.UTF_8);
  }

  private Global global(String module, String name) throws IOException {
    String full = module + "." + name;
    if (!KNOWN.contains(full) && !STORAGES.containsKey(full)) {
      throw BadFile.because(
          file,
          "its pickle asks for " + Quoted.of(full),
          "only dictionaries of tensors are read, and nothing is ever run");
    }
    return new Global(full);
  }

  /** ('storage', type, key, place, elements), as PyTorch refers to an entry of the file. */
  private Storage storage(Tuple id) throws IOException {
    List<Object> items = id.items;
    if (items.size() != 5
        || !items.get(0).equals("storage")
        || !(items.get(1) instanceof Global(String type))
        || !STORAGES.containsKey(type)) {
      throw BadFile.damaged(file, "its pickle refers to something that is no storage of values");
    }
    return new Storage((String) items.get(2), STORAGES.get(type), (Long) items.get(4));
  }

  private Object call(Global function, List<Object> arguments) throws IOException {
    return switch (function.name) {
      case ORDERED_DICT -> {
        if (!arguments.isEmpty()) {
          throw BadFile.damaged(file, "its pickle makes an OrderedDict in an unusual way");
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
      default ->
          throw BadFile.because(
              file,
              "its pickle calls " + Quoted.of(function.name),
              "only dictionaries of tensors are read, and nothing is ever run");
    };
  }

  private long[] longs(Tuple tuple) throws IOException {
    // One long tuple, recalled again and again, would become many long arrays.
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
    // A stride of 0 would let a small file ask for any amount of memory.
    if (!sound || elements > 0 && last >= storage.elements || elements > storage.elements) {
      throw BadFile.damaged(file, "a tensor reaches outside of its storage");
    }
    return new View(storage, offset, shape, strides);
  }
}
