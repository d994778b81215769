package io.sluice.weights;

import io.sluice.files.Quoted;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Finds the key-value pairs of a GGUF file and checks that all their parts lie within it. Values
 * are not decoded.
 */
final class GgufEntries {
  /** The longest key that the format allows. */
  private static final int LONGEST_KEY = 65_535;

  private static final int DEEPEST = 4;

  private GgufEntries() {}

  /**
   * The location of a value.
   *
   * @param type its type, or that of the elements if it is an array
   * @param count number of elements; −1 if it is not an array
   * @param at byte offset of the value or of the first element
   */
  record Entry(Type type, long count, long at) {}

  /** The format's types, in the order of its numbers; {@code bytes} is 0 for variable sizes. */
  enum Type {
    UINT8(1),
    INT8(1),
    UINT16(2),
    INT16(2),
    UINT32(4),
    INT32(4),
    FLOAT32(4),
    BOOL(1),
    STRING(0),
    ARRAY(0),
    UINT64(8),
    INT64(8),
    FLOAT64(8);

    final int bytes;

    Type(int bytes) {
      this.bytes = bytes;
    }
  }

  /** The locations of {@code count} pairs, by key, in the file's order. */
  static Map<String, Entry> read(GgufCursor cursor, long count) throws IOException {
    Map<String, Entry> entries = new LinkedHashMap<>();
    for (long i = 0; i < count; i++) {
      String key = cursor.string(LONGEST_KEY, "a metadata key");
      String what = "the value of " + Quoted.of(key);
      Type type = type(cursor, what);
      Entry entry;
      if (type == Type.ARRAY) {
        Type element = type(cursor, what);
        long elements = cursor.count(least(element), "elements of " + Quoted.of(key));
        entry = new Entry(element, elements, cursor.position());
        skip(cursor, element, elements, 1, what);
      } else {
        entry = new Entry(type, -1, cursor.position());
        skip(cursor, type, 1, 1, what);
      }
      if (entries.put(key, entry) != null) {
        throw cursor.damaged("it has the metadata key " + Quoted.of(key) + " twice");
      }
    }
    return entries;
  }

  private static Type type(GgufCursor cursor, String what) throws IOException {
    int number = cursor.int32(what);
    if (number < 0 || number >= Type.values().length) {
      throw cursor.damaged(what + " has the unknown type " + Integer.toUnsignedString(number));
    }
    return Type.values()[number];
  }

  /** The smallest number of bytes of a value. */
  private static int least(Type type) {
    return switch (type) {
      case STRING -> Long.BYTES;
      case ARRAY -> Integer.BYTES + Long.BYTES;
      default -> type.bytes;
    };
  }

  private static void skip(GgufCursor cursor, Type type, long count, int depth, String what)
      throws IOException {
    switch (type) {
      case STRING -> {
        for (long i = 0; i < count; i++) {
          cursor.skipString(what);
        }
      }
      case ARRAY -> {
        if (depth == DEEPEST) {
          throw cursor.damaged(what + " nests arrays deeper than " + DEEPEST);
        }
        for (long i = 0; i < count; i++) {
          Type element = type(cursor, what);
          skip(cursor, element, cursor.count(least(element), "elements"), depth + 1, what);
        }
      }
      default -> cursor.skip(count * type.bytes, what);
    }
  }
}
