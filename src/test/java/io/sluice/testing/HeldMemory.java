package io.sluice.testing;

import java.lang.foreign.MemorySegment;
import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Collections;
import java.util.Deque;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.Set;

/** The arrays and the native memory that an object of this project holds, found by its fields. */
public final class HeldMemory {
  private final Set<Object> seen = Collections.newSetFromMap(new IdentityHashMap<>());
  private final Set<Long> addresses = new HashSet<>();
  private final Deque<Object> open = new ArrayDeque<>();
  private long bytes;

  private HeldMemory() {}

  /**
   * Bytes of all arrays of numbers and of all native memory that {@code object} reaches, each
   * counted once.
   *
   * @param without objects that are not looked into
   */
  public static long of(Object object, Object... without) {
    HeldMemory held = new HeldMemory();
    for (Object other : without) {
      held.seen.add(other);
    }
    held.visit(object);
    while (!held.open.isEmpty()) {
      held.lookInto(held.open.pop());
    }
    return held.bytes;
  }

  private void visit(Object value) {
    if (value == null || !seen.add(value)) {
      return;
    }
    if (value instanceof MemorySegment memory) {
      // Slices of one piece begin where it begins.
      if (memory.isNative() && addresses.add(memory.address())) {
        bytes += memory.byteSize();
      }
    } else if (value.getClass().isArray()) {
      Class<?> type = value.getClass().getComponentType();
      if (type.isPrimitive()) {
        bytes += (long) Array.getLength(value) * size(type);
      } else {
        for (Object element : (Object[]) value) {
          visit(element);
        }
      }
    } else if (value instanceof Collection<?> all) {
      all.forEach(this::visit);
    } else if (isOurs(value.getClass())) {
      open.push(value);
    }
  }

  private void lookInto(Object object) {
    for (Class<?> type = object.getClass(); isOurs(type); type = type.getSuperclass()) {
      for (Field field : type.getDeclaredFields()) {
        if (!Modifier.isStatic(field.getModifiers()) && !field.getType().isPrimitive()) {
          try {
            field.setAccessible(true);
            visit(field.get(object));
          } catch (IllegalAccessException e) {
            throw new AssertionError(e);
          }
        }
      }
    }
  }

  private static boolean isOurs(Class<?> type) {
    return type.getName().startsWith("io.sluice.");
  }

  private static int size(Class<?> type) {
    if (type == long.class || type == double.class) {
      return 8;
    }
    if (type == int.class || type == float.class) {
      return 4;
    }
    return type == short.class || type == char.class ? 2 : 1;
  }
}
