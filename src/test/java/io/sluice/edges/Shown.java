package io.sluice.edges;

import java.lang.foreign.MemorySegment;
import java.lang.reflect.Array;
import java.util.List;

/** Arguments as a person reads them in a log. */
final class Shown {
  private static final int MOST = 12;

  private Shown() {}

  static String of(Object value) {
    return switch (value) {
      case null -> "null";
      case MemorySegment memory ->
          "memory(%d bytes at %x%s%s%s)"
              .formatted(
                  memory.byteSize(),
                  memory.address(),
                  memory.isNative() ? "" : " heap",
                  memory.isReadOnly() ? " read-only" : "",
                  memory.scope().isAlive() ? "" : " freed");
      case List<?> list -> of(list.toArray());
      case Object array when array.getClass().isArray() -> array(array);
      default -> value.toString();
    };
  }

  private static String array(Object array) {
    StringBuilder text = new StringBuilder("[");
    int length = Array.getLength(array);
    for (int i = 0; i < Math.min(length, MOST); i++) {
      text.append(i == 0 ? "" : ", ").append(of(Array.get(array, i)));
    }
    return text.append(length > MOST ? ", … " + length : "").append(']').toString();
  }
}
