package io.sluice.weights;

import io.sluice.files.Quoted;
import io.sluice.memory.DType;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The header of an array that NumPy saved: a Python dictionary of three entries, of which only the
 * few forms are understood that NumPy writes for arrays of numbers. Nothing is run.
 *
 * @param dtype the type of the values
 * @param isBigEndian whether the first byte of a value is its most significant one
 * @param isColumnMajor whether the first index runs fastest (Fortran's order)
 * @param shape sizes, outermost first
 * @param bytes the length of the header; the values follow
 */
record NumpyHeader(
    DType dtype, boolean isBigEndian, boolean isColumnMajor, long[] shape, int bytes) {
  private static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};

  /** NumPy's own limit is 10,000. */
  private static final int LONGEST = 1 << 16;

  /** NumPy's own limit. */
  private static final int MOST_DIMENSIONS = 64;

  private static final Map<String, DType> TYPES =
      Map.of(
          "f2", DType.F16,
          "f4", DType.F32,
          "f8", DType.F64,
          "i4", DType.I32,
          "i8", DType.I64,
          "u1", DType.U8,
          "b1", DType.BOOL);

  /**
   * Reads a header.
   *
   * @param in is left at the first value
   * @param file for messages
   * @param name of the array, for messages
   * @throws EOFException if {@code in} ends before the header does
   * @throws IOException if it is damaged, or of an array whose values are not numbers that are
   *     read; one line that names both
   */
  static NumpyHeader read(InputStream in, Path file, String name) throws IOException {
    byte[] start = bytes(in, MAGIC.length + 2);
    for (int i = 0; i < MAGIC.length; i++) {
      if (start[i] != MAGIC[i]) {
        throw BadFile.damaged(file, "array " + Quoted.of(name) + " is not in NumPy's format");
      }
    }
    int version = start[MAGIC.length];
    if (version < 1 || version > 3) {
      throw BadFile.because(
          file,
          "array " + Quoted.of(name) + " is in version " + version + " of NumPy's format",
          "versions 1 to 3 are read");
    }
    int width = version == 1 ? Short.BYTES : Integer.BYTES;
    ByteBuffer sized = ByteBuffer.wrap(bytes(in, width)).order(ByteOrder.LITTLE_ENDIAN);
    int length = version == 1 ? sized.getShort() & 0xffff : sized.getInt();
    if (length < 0 || length > LONGEST) {
      throw BadFile.damaged(
          file, "the header of array " + Quoted.of(name) + " has " + length + " bytes");
    }
    String text =
        new String(
            bytes(in, length), version == 3 ? StandardCharsets.UTF_8 : StandardCharsets.ISO_8859_1);
    return new Literal(text, file, name).header(start.length + width + length);
  }

  private static byte[] bytes(InputStream in, int count) throws IOException {
    byte[] bytes = in.readNBytes(count);
    if (bytes.length < count) {
      throw new EOFException();
    }
    return bytes;
  }

  /** How many values there are. */
  long elements() {
    long elements = 1;
    for (long side : shape) {
      elements *= side; // The header's parser made sure that it fits.
    }
    return elements;
  }

  /** Values from one index to the next, by dimension. */
  long[] strides() {
    long[] strides = new long[shape.length];
    long stride = 1;
    for (int i = 0; i < shape.length; i++) {
      int dimension = isColumnMajor ? i : shape.length - 1 - i;
      strides[dimension] = stride;
      stride *= shape[dimension];
    }
    return strides;
  }

  /** Reads the Python dictionary. */
  private static final class Literal {
    private final String text;
    private final Path file;
    private final String name;
    private int at;

    Literal(String text, Path file, String name) {
      this.text = text;
      this.file = file;
      this.name = name;
    }

    NumpyHeader header(int bytes) throws IOException {
      Map<String, Object> entries = new HashMap<>();
      expect('{');
      while (!accept('}')) {
        String key = string();
        expect(':');
        if (entries.put(key, value()) != null) {
          throw malformed();
        }
        if (!accept(',')) {
          expect('}');
          break;
        }
      }
      skip();
      if (at != text.length()
          || entries.size() != 3
          || !(entries.get("descr") instanceof String type)
          || !(entries.get("fortran_order") instanceof Boolean columnMajor)
          || !(entries.get("shape") instanceof long[] shape)) {
        throw malformed();
      }
      DType dtype = dtype(type);
      return new NumpyHeader(dtype, type.charAt(0) == '>', columnMajor, shape, bytes);
    }

    private DType dtype(String type) throws IOException {
      if (type.indexOf('O') >= 0) {
        throw BadFile.because(
            file,
            "array " + Quoted.of(name) + " holds Python objects, which are stored as programs",
            "only arrays of numbers are read, and nothing is ever run");
      }
      DType dtype = type.matches("[<>|=].+") ? TYPES.get(type.substring(1)) : null;
      if (dtype == null) {
        throw BadFile.because(
            file,
            "array " + Quoted.of(name) + " has values of type " + Quoted.of(type),
            "those that are read are f2, f4, f8, i4, i8, u1 and b1");
      }
      return dtype;
    }

    private Object value() throws IOException {
      skip();
      if (text.startsWith("True", at)) {
        at += 4;
        return true;
      }
      if (text.startsWith("False", at)) {
        at += 5;
        return false;
      }
      if (at < text.length() && text.charAt(at) == '[') {
        throw BadFile.because(
            file,
            "array " + Quoted.of(name) + " has records as values",
            "only arrays of numbers are read");
      }
      return accept('(') ? shape() : string();
    }

    private long[] shape() throws IOException {
      List<Long> sides = new ArrayList<>();
      long elements = 1;
      while (!accept(')')) {
        long side = number();
        sides.add(side);
        if (sides.size() > MOST_DIMENSIONS
            || side != 0 && elements > (Long.MAX_VALUE / Double.BYTES) / side) {
          throw BadFile.damaged(file, "array " + Quoted.of(name) + " has more values than fit");
        }
        elements *= side;
        if (!accept(',')) {
          expect(')');
          break;
        }
      }
      return sides.stream().mapToLong(Long::longValue).toArray();
    }

    private long number() throws IOException {
      skip();
      int start = at;
      while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
        at++;
      }
      if (at == start || at - start > 18) {
        throw malformed();
      }
      long number = Long.parseLong(text, start, at, 10);
      accept('L'); // Python 2 wrote it.
      return number;
    }

    private String string() throws IOException {
      skip();
      char quote = at < text.length() ? text.charAt(at) : ' ';
      int end = quote == '\'' || quote == '"' ? text.indexOf(quote, at + 1) : -1;
      if (end < 0 || text.substring(at, end).indexOf('\\') >= 0) {
        throw malformed();
      }
      String string = text.substring(at + 1, end);
      at = end + 1;
      return string;
    }

    private void expect(char wanted) throws IOException {
      if (!accept(wanted)) {
        throw malformed();
      }
    }

    private boolean accept(char wanted) {
      skip();
      if (at < text.length() && text.charAt(at) == wanted) {
        at++;
        return true;
      }
      return false;
    }

    private void skip() {
      while (at < text.length() && (text.charAt(at) == ' ' || text.charAt(at) == '\n')) {
        at++;
      }
    }

    private IOException malformed() {
      return BadFile.damaged(file, "the header of array " + Quoted.of(name) + " is malformed");
    }
  }
}
