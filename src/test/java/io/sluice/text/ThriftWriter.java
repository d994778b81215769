package io.sluice.text;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** Writes Thrift's compact protocol, with whatever goes wrong in it. */
final class ThriftWriter {
  static final int TRUE = 1;
  static final int FALSE = 2;
  static final int I32 = 5;
  static final int I64 = 6;
  static final int BINARY = 8;
  static final int LIST = 9;
  static final int STRUCT = 12;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final Oddities odd;
  private final int[] fields = new int[16];
  private int depth;

  ThriftWriter(Oddities odd) {
    this.odd = odd;
  }

  byte[] bytes() {
    return out.toByteArray();
  }

  ThriftWriter begin() {
    fields[++depth] = 0;
    return this;
  }

  ThriftWriter end() {
    depth--;
    if (odd.now()) {
      nest();
    }
    if (!odd.now()) {
      out.write(0);
    }
    return this;
  }

  ThriftWriter number(int field, long value) {
    if (!odd.now()) {
      header(field, value == (int) value ? I32 : I64);
      zigzag(odd.number(value));
    }
    return this;
  }

  ThriftWriter text(int field, String text) {
    header(field, BINARY);
    bytes(text);
    return this;
  }

  ThriftWriter truth(int field, boolean value) {
    header(field, value ? TRUE : FALSE);
    return this;
  }

  ThriftWriter struct(int field) {
    header(field, STRUCT);
    return begin();
  }

  ThriftWriter list(int field, int type, int size) {
    header(field, LIST);
    int written = odd.size(size);
    if (written < 15) {
      out.write(written << 4 | type);
    } else {
      out.write(15 << 4 | type);
      varint(written);
    }
    return this;
  }

  void bytes(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    varint(odd.number(bytes.length));
    out.writeBytes(bytes);
  }

  private void header(int field, int type) {
    int step = field - fields[depth];
    fields[depth] = field;
    int written = odd.now() ? odd.random().nextInt(16) : type;
    if (step > 0 && step < 16) {
      out.write(step << 4 | written);
    } else {
      out.write(written);
      zigzag(field);
    }
  }

  /** A field that nobody knows, of structures or lists in one another. */
  private void nest() {
    int levels = 1 << odd.random().nextInt(18);
    boolean lists = odd.random().nextBoolean();
    out.write(1 << 4 | (lists ? LIST : STRUCT));
    for (int i = 0; i < levels; i++) {
      out.write(1 << 4 | (lists ? LIST : STRUCT));
    }
    for (int i = 0; i < levels; i++) {
      out.write(0);
    }
  }

  private void zigzag(long value) {
    varint(value << 1 ^ value >> 63);
  }

  void varint(long value) {
    varint(out, value);
  }

  static void varint(ByteArrayOutputStream out, long value) {
    long left = value;
    while ((left & ~0x7fL) != 0) {
      out.write((int) (left & 0x7f | 0x80));
      left >>>= 7;
    }
    out.write((int) left);
  }
}
