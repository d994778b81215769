package io.sluice.testing;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/**
 * Protobuf messages of which single fields are odd, at any depth, with lengths that are right
 * again: numbers at their extremes, texts and bytes cut short, fields that are missing, there
 * twice, in another place or of another number.
 */
public final class ProtobufMutations {
  private static final int VARINT = 0;
  private static final int FIXED64 = 1;
  private static final int BYTES = 2;
  private static final int FIXED32 = 5;

  /** One field: what it holds, and its wire type. */
  private record Field(int number, int wire, long value, byte[] bytes) {}

  private ProtobufMutations() {}

  /** A copy of a sound message with damage. */
  public static byte[] mutate(byte[] original, Random random) {
    byte[] mutated = original;
    for (int changes = 1 + random.nextInt(2); changes > 0; changes--) {
      mutated = once(mutated, random);
    }
    return mutated;
  }

  private static byte[] once(byte[] message, Random random) {
    List<Field> fields = parse(message);
    if (fields == null || fields.isEmpty()) {
      return Mutations.mutate(message, random);
    }
    int at = random.nextInt(fields.size());
    Field field = fields.get(at);
    boolean inside = field.wire == BYTES && field.bytes.length > 1 && random.nextInt(8) > 0;
    if (inside && parse(field.bytes) != null) {
      byte[] changed = once(field.bytes, random);
      fields.set(at, new Field(field.number, BYTES, 0, changed));
      return write(fields);
    }
    switch (random.nextInt(6)) {
      case 0 -> fields.remove(at);
      case 1 -> fields.add(field);
      case 2 -> Collections.swap(fields, at, random.nextInt(fields.size()));
      case 3 ->
          fields.set(at, new Field(1 + random.nextInt(16), field.wire, field.value, field.bytes));
      default -> fields.set(at, odd(field, random));
    }
    return write(fields);
  }

  private static Field odd(Field field, Random random) {
    if (field.wire == BYTES) {
      int length = random.nextInt(field.bytes.length + 1);
      return new Field(field.number, BYTES, 0, Arrays.copyOf(field.bytes, length));
    }
    long value =
        switch (random.nextInt(7)) {
          case 0 -> 0;
          case 1 -> -1;
          case 2 -> Long.MAX_VALUE;
          case 3 -> 1L << 31;
          case 4 -> field.value + 1;
          case 5 -> field.value * 2;
          default -> random.nextInt(40);
        };
    return new Field(field.number, field.wire, value, null);
  }

  /** The fields of a message; null if it is none. */
  private static List<Field> parse(byte[] message) {
    List<Field> fields = new ArrayList<>();
    int[] at = {0};
    while (at[0] < message.length) {
      long tag = varint(message, at);
      int number = (int) (tag >>> 3);
      int wire = (int) (tag & 7);
      if (at[0] < 0 || number < 1 || number > 1000) {
        return null;
      }
      if (wire == VARINT) {
        fields.add(new Field(number, wire, varint(message, at), null));
      } else if (wire == BYTES) {
        long length = varint(message, at);
        if (at[0] < 0 || length < 0 || length > message.length - at[0]) {
          return null;
        }
        int end = at[0] + (int) length;
        fields.add(new Field(number, wire, 0, Arrays.copyOfRange(message, at[0], end)));
        at[0] = end;
      } else if (wire == FIXED32 || wire == FIXED64) {
        int size = wire == FIXED32 ? 4 : 8;
        if (message.length - at[0] < size) {
          return null;
        }
        long value = 0;
        for (int i = size - 1; i >= 0; i--) {
          value = value << 8 | message[at[0] + i] & 0xff;
        }
        at[0] += size;
        fields.add(new Field(number, wire, value, null));
      } else {
        return null;
      }
      if (at[0] < 0) {
        return null;
      }
    }
    return fields;
  }

  /** Reads a number; its place becomes −1 if there is none. */
  private static long varint(byte[] message, int[] at) {
    long value = 0;
    for (int shift = 0; shift < 64 && at[0] < message.length; shift += 7) {
      byte next = message[at[0]++];
      value |= (long) (next & 0x7f) << shift;
      if (next >= 0) {
        return value;
      }
    }
    at[0] = -1;
    return 0;
  }

  private static byte[] write(List<Field> fields) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (Field field : fields) {
      put(out, (long) field.number << 3 | field.wire);
      switch (field.wire) {
        case VARINT -> put(out, field.value);
        case BYTES -> {
          put(out, field.bytes.length);
          out.writeBytes(field.bytes);
        }
        default -> {
          for (int i = 0; i < (field.wire == FIXED32 ? 4 : 8); i++) {
            out.write((int) (field.value >> 8 * i));
          }
        }
      }
    }
    return out.toByteArray();
  }

  private static void put(ByteArrayOutputStream out, long value) {
    long rest = value;
    while ((rest & ~0x7fL) != 0) {
      out.write((int) (rest & 0x7f | 0x80));
      rest >>>= 7;
    }
    out.write((int) rest);
  }
}
