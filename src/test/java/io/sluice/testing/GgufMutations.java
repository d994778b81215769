package io.sluice.testing;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/**
 * GGUF files of which single fields are odd: counts, lengths, types, dimensions, offsets and
 * values, and whole entries that are missing, there twice or in another place.
 */
public final class GgufMutations {
  private static final int ALIGNMENT = 32;
  private static final int[] SIZES = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  private static final int STRING = 8;
  private static final int ARRAY = 9;

  /** A number in the file. */
  private record Field(int at, int size) {}

  private final ByteBuffer bytes;
  private final List<Field> fields = new ArrayList<>();
  private final List<byte[]> entries = new ArrayList<>();
  private final List<byte[]> tensors = new ArrayList<>();
  private byte[] data = {};

  private GgufMutations(byte[] file) {
    bytes = ByteBuffer.wrap(file.clone()).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** A copy of a sound file with damage. */
  public static byte[] mutate(byte[] original, Random random) {
    GgufMutations file = new GgufMutations(original);
    file.parse();
    if (random.nextInt(3) == 0) {
      return file.rearranged(random);
    }
    for (int changes = 1 + random.nextInt(3); changes > 0; changes--) {
      file.set(file.fields.get(random.nextInt(file.fields.size())), random);
    }
    return file.bytes.array();
  }

  private void parse() {
    bytes.position(4);
    number(4);
    long tensorCount = number(8);
    long entryCount = number(8);
    for (long i = 0; i < entryCount; i++) {
      int start = bytes.position();
      string();
      value((int) number(4));
      entries.add(Arrays.copyOfRange(bytes.array(), start, bytes.position()));
    }
    for (long i = 0; i < tensorCount; i++) {
      int start = bytes.position();
      string();
      long dimensions = number(4);
      for (long d = 0; d < dimensions; d++) {
        number(8);
      }
      number(4);
      number(8);
      tensors.add(Arrays.copyOfRange(bytes.array(), start, bytes.position()));
    }
    int from = (bytes.position() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    data = Arrays.copyOfRange(bytes.array(), from, bytes.array().length);
  }

  private long number(int size) {
    fields.add(new Field(bytes.position(), size));
    return size == 4 ? bytes.getInt() : bytes.getLong();
  }

  private void string() {
    int length = (int) number(8);
    bytes.position(bytes.position() + length);
  }

  private void value(int type) {
    if (type == STRING) {
      string();
    } else if (type == ARRAY) {
      int of = (int) number(4);
      long count = number(8);
      if (of == STRING) {
        for (long i = 0; i < count; i++) {
          bytes.position(bytes.position() + 8 + (int) bytes.getLong(bytes.position()));
        }
      } else {
        bytes.position(bytes.position() + (int) count * SIZES[of]);
      }
    } else {
      fields.add(new Field(bytes.position(), SIZES[type]));
      bytes.position(bytes.position() + SIZES[type]);
    }
  }

  private void set(Field field, Random random) {
    long old = 0;
    for (int i = field.size - 1; i >= 0; i--) {
      old = old << 8 | bytes.get(field.at + i) & 0xff;
    }
    long value =
        switch (random.nextInt(9)) {
          case 0 -> 0;
          case 1 -> -1;
          case 2 -> Long.MAX_VALUE;
          case 3 -> 1L << 31;
          case 4 -> 1L << 61;
          case 5 -> old + 1;
          case 6 -> old - 1;
          case 7 -> old * 2;
          default -> random.nextInt(64);
        };
    for (int i = 0; i < field.size; i++) {
      bytes.put(field.at + i, (byte) (value >> 8 * i));
    }
  }

  private byte[] rearranged(Random random) {
    List<byte[]> list = random.nextBoolean() ? entries : tensors;
    int at = random.nextInt(list.size());
    boolean counted = random.nextInt(4) > 0;
    int entryCount = entries.size();
    int tensorCount = tensors.size();
    switch (random.nextInt(3)) {
      case 0 -> list.remove(at);
      case 1 -> list.add(list.get(at));
      default -> Collections.swap(list, at, random.nextInt(list.size()));
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(bytes.array(), 0, 8);
    ByteBuffer counts = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
    counts.putLong(counted ? tensors.size() : tensorCount);
    counts.putLong(counted ? entries.size() : entryCount);
    out.writeBytes(counts.array());
    entries.forEach(out::writeBytes);
    tensors.forEach(out::writeBytes);
    while (out.size() % ALIGNMENT != 0) {
      out.write(0);
    }
    out.writeBytes(data);
    return out.toByteArray();
  }
}
