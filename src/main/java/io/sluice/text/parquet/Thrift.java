package io.sluice.text.parquet;

import java.io.IOException;
import java.nio.charset.StandardCharsets;

/**
 * A cursor over Thrift's compact protocol, in which Parquet's footers and page headers are written.
 * It goes no deeper than {@value #DEEPEST} structures, allocates no more than it reads, and each
 * element of a list takes at least a byte, so that nothing in a file can ask for more than the file
 * itself is long.
 *
 * <pre>{@code
 * thrift.enter();
 * while (thrift.nextField()) {
 *   switch (thrift.field()) {
 *     case 1 -> type = thrift.integer();
 *     default -> thrift.skip();
 *   }
 * }
 * }</pre>
 */
final class Thrift {
  private static final int DEEPEST = 24;

  private static final int TRUE = 1;
  private static final int FALSE = 2;
  private static final int BYTE = 3;
  private static final int DOUBLE = 7;
  private static final int BINARY = 8;
  private static final int LIST = 9;
  private static final int SET = 10;
  private static final int MAP = 11;
  private static final int STRUCT = 12;

  /** The bytes end where more had to come. */
  static final class EndsEarly extends IOException {
    private static final long serialVersionUID = 1;

    EndsEarly() {
      super("it ends early");
    }
  }

  private final byte[] bytes;
  private final int end;
  private final int[] fields = new int[DEEPEST];
  private int at;
  private int depth;
  private int type;

  Thrift(byte[] bytes, int length) {
    this.bytes = bytes;
    this.end = length;
  }

  /** Bytes read so far. */
  int position() {
    return at;
  }

  /** Begins a structure: the whole, the field just found, or an element of a list. */
  void enter() throws IOException {
    if (depth == DEEPEST) {
      throw new IOException("its structures are nested too deeply");
    }
    fields[depth++] = 0;
  }

  /** Like {@link #enter()}, for the field just found. */
  void enterField() throws IOException {
    require(STRUCT);
    enter();
  }

  /** Goes on to the structure's next field; false, and out of the structure, at its end. */
  boolean nextField() throws IOException {
    int header = next();
    if (header == 0) {
      depth--;
      return false;
    }
    type = header & 15;
    int step = header >>> 4;
    fields[depth - 1] = step == 0 ? (int) zigzag() : fields[depth - 1] + step;
    return true;
  }

  /** The number of the field just found. */
  int field() {
    return fields[depth - 1];
  }

  /** The field's value, an integer of up to 64 bits. */
  long number() throws IOException {
    if (type == BYTE) {
      return (byte) next();
    }
    if (type <= BYTE || type >= DOUBLE) {
      throw unexpected();
    }
    return zigzag();
  }

  /** The field's value, an integer of 32 bits. */
  int integer() throws IOException {
    long number = number();
    if (number != (int) number) {
      throw new IOException("a number in its headers is out of range");
    }
    return (int) number;
  }

  /** The field's value, true or false. */
  boolean truth() throws IOException {
    if (type != TRUE && type != FALSE) {
      throw unexpected();
    }
    return type == TRUE;
  }

  /** The field's value, a text. */
  String text() throws IOException {
    require(BINARY);
    int length = length();
    String text = new String(bytes, at, length, StandardCharsets.UTF_8);
    at += length;
    return text;
  }

  /** How many structures the field lists; {@link #enter()} begins each. */
  int structures() throws IOException {
    int size = list();
    if (size > 0 && type != STRUCT) {
      throw unexpected();
    }
    return size;
  }

  /** How many texts the field lists; {@link #text()} reads each. */
  int texts() throws IOException {
    int size = list();
    if (size > 0 && type != BINARY) {
      throw unexpected();
    }
    return size;
  }

  /** Passes over the field's value. */
  void skip() throws IOException {
    skip(type);
  }

  private void skip(int kind) throws IOException {
    switch (kind) {
      case TRUE, FALSE -> {} // The value is in the type.
      case BYTE -> next();
      case 4, 5, 6 -> zigzag();
      case DOUBLE -> pass(Double.BYTES);
      case BINARY -> pass(length());
      case LIST, SET -> {
        type = kind;
        int size = list();
        skipElements(size, type);
      }
      case MAP -> {
        int size = size(varint());
        int kinds = size == 0 ? 0 : next();
        for (int i = 0; i < size; i++) {
          skipElements(1, kinds >>> 4);
          skipElements(1, kinds & 15);
        }
      }
      case STRUCT -> {
        enter();
        while (nextField()) {
          skip(type);
        }
      }
      default -> throw unexpected();
    }
  }

  private void skipElements(int size, int kind) throws IOException {
    boolean truths = kind == TRUE || kind == FALSE; // In lists they take a byte each.
    if (depth == DEEPEST) {
      throw new IOException("its structures are nested too deeply");
    }
    fields[depth++] = 0; // Lists in lists count as depth, too.
    for (int i = 0; i < size; i++) {
      skip(truths ? BYTE : kind);
    }
    depth--;
  }

  /** The size of a list; leaves the type of its elements. */
  private int list() throws IOException {
    if (type != LIST && type != SET) {
      throw unexpected();
    }
    int header = next();
    type = header & 15;
    int size = header >>> 4;
    return size == 15 ? size(varint()) : size(size);
  }

  private int length() throws IOException {
    return size(varint());
  }

  /** Checks that so many elements of at least a byte each can follow. */
  private int size(long size) throws IOException {
    if (size < 0 || size > end - at) {
      throw new EndsEarly();
    }
    return (int) size;
  }

  private void pass(int length) throws IOException {
    at += size(length);
  }

  private void require(int wanted) throws IOException {
    if (type != wanted) {
      throw unexpected();
    }
  }

  private static IOException unexpected() {
    return new IOException("a field of its headers is of another type than it should be");
  }

  private int next() throws IOException {
    if (at == end) {
      throw new EndsEarly();
    }
    return bytes[at++] & 0xff;
  }

  private long zigzag() throws IOException {
    long value = varint();
    return (value >>> 1) ^ -(value & 1);
  }

  private long varint() throws IOException {
    long value = 0;
    for (int shift = 0; shift < Long.SIZE; shift += 7) {
      int next = next();
      value |= (long) (next & 0x7f) << shift;
      if (next < 0x80) {
        return value;
      }
    }
    throw new IOException("a number in its headers has no end");
  }
}
