package io.sluice.weights;

import io.sluice.files.Quoted;
import io.sluice.weights.PickledTensors.Global;
import io.sluice.weights.PickledTensors.Tuple;
import io.sluice.weights.PickledTensors.View;
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
 * Reads the pickle of a dictionary of tensors that PyTorch saved. A pickle is a program; this
 * reader knows only the instructions that tensors need and the names in {@link PickledTensors}, and
 * runs nothing. Everything else is refused by its name.
 */
final class TensorPickle {
  private enum Constant {
    NONE,
    MARK
  }

  /** A dictionary that is referenced many times would become many settings. */
  private static final int MOST_SETTINGS = 1000;

  private final Path file;
  private final PickledTensors objects;
  private final ByteBuffer in;
  private final ArrayDeque<Object> stack = new ArrayDeque<>();
  private final Map<Integer, Object> memo = new HashMap<>();

  private TensorPickle(Path file, byte[] bytes) {
    this.file = file;
    this.objects = new PickledTensors(file);
    this.in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * What a pickled dictionary holds.
   *
   * @param tensors by name
   * @param settings texts, numbers and truth values, as texts
   */
  record Contents(Map<String, View> tensors, Map<String, String> settings) {}

  /**
   * The tensors of a pickled dictionary, by name.
   *
   * @param withSettings whether settings may stand beside the tensors
   * @throws IOException if it holds anything else, or is damaged
   */
  static Contents read(Path file, byte[] bytes, boolean withSettings) throws IOException {
    TensorPickle pickle = new TensorPickle(file, bytes);
    Object root;
    try {
      root = pickle.run();
    } catch (java.nio.BufferUnderflowException
        | java.util.NoSuchElementException
        | ClassCastException
        | ArithmeticException
        | IndexOutOfBoundsException e) {
      throw BadFile.damaged(file, "its pickle is truncated or malformed");
    }
    if (!(root instanceof Map<?, ?> entries)) {
      throw BadFile.because(
          file, "holds " + describe(root), "save a dictionary of tensors: a state_dict()");
    }
    Contents contents = new Contents(new LinkedHashMap<>(), new LinkedHashMap<>());
    for (Map.Entry<?, ?> entry : entries.entrySet()) {
      pickle.add(contents, entry, withSettings);
    }
    return contents;
  }

  private void add(Contents contents, Map.Entry<?, ?> entry, boolean withSettings)
      throws IOException {
    if (entry.getKey() instanceof String name) {
      if (entry.getValue() instanceof View view) {
        contents.tensors.put(name, view);
        return;
      }
      if (withSettings && isSetting(entry.getValue())) {
        contents.settings.put(name, entry.getValue().toString());
        return;
      }
      if (withSettings
          && entry.getValue() instanceof Map<?, ?> inner
          && contents.settings.size() + inner.size() <= MOST_SETTINGS
          && inner.values().stream().allMatch(TensorPickle::isSetting)) {
        inner.forEach((key, value) -> contents.settings.put(name + "." + key, value.toString()));
        return;
      }
    }
    throw BadFile.because(
        file,
        "entry " + Quoted.of(String.valueOf(entry.getKey())) + " is " + describe(entry.getValue()),
        "save a dictionary of nothing but tensors: a state_dict()");
  }

  private static boolean isSetting(Object value) {
    return value instanceof String
        || value instanceof Long
        || value instanceof Double
        || value instanceof Boolean;
  }

  private static String describe(Object value) {
    return switch (value) {
      case View view -> "one tensor";
      case Map<?, ?> map -> "a dictionary";
      case List<?> list -> "a list";
      case Tuple tuple -> "a tuple";
      case String text -> "a text";
      case Constant none -> "None";
      default -> "not a tensor";
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
        case 'c' -> stack.push(objects.global(line(), line()));
        case 0x93 -> { // STACK_GLOBAL
          String name = (String) stack.pop();
          stack.push(objects.global((String) stack.pop(), name));
        }
        case 'Q' -> stack.push(objects.storage((Tuple) stack.pop())); // BINPERSID
        case 'R' -> {
          Tuple arguments = (Tuple) stack.pop();
          stack.push(objects.call((Global) stack.pop(), arguments.items()));
        }
        case 'b' -> {
          // A state_dict's extra attributes: versions of modules, which are not needed.
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
    // Other keys could contain themselves, and hashing them would not end.
    if (!(key instanceof String) && !(key instanceof Long)) {
      throw BadFile.damaged(file, "its pickle has a dictionary with keys that are not names");
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
      throw BadFile.damaged(file, "its pickle reads a memo entry that it has not written");
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
}
