package io.sluice.weights;

import io.sluice.files.Quoted;
import io.sluice.weights.GgufEntries.Entry;
import io.sluice.weights.GgufEntries.Type;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The key-value pairs of a GGUF file: architecture, sizes, tokenizer. They stay in the mapped file
 * and are decoded on request.
 *
 * <p>Every method throws an {@code IOException} that names the file and the key if the value has
 * another type; methods without a default also if it is missing.
 */
public final class GgufMetadata {
  private static final long LONGEST_TEXT = 1 << 28;

  private final Path path;
  private final MemorySegment file;
  private final Map<String, Entry> entries;

  private GgufMetadata(Path path, MemorySegment file, Map<String, Entry> entries) {
    this.path = path;
    this.file = file;
    this.entries = Collections.unmodifiableMap(entries);
  }

  /** Reads {@code count} pairs, and checks that all their parts lie within the file. */
  static GgufMetadata parse(Path path, MemorySegment file, GgufCursor cursor, long count)
      throws IOException {
    return new GgufMetadata(path, file, GgufEntries.read(cursor, count));
  }

  /** All keys, in the file's order. */
  public Set<String> keys() {
    return entries.keySet();
  }

  /** Whether there is a value under {@code key}. */
  public boolean contains(String key) {
    return entries.containsKey(key);
  }

  /** A whole number of any width. */
  public long integer(String key) throws IOException {
    return integer(entry(key), key);
  }

  /** A whole number of any width, or {@code otherwise} if there is none. */
  public long integer(String key, long otherwise) throws IOException {
    return contains(key) ? integer(key) : otherwise;
  }

  /** A number. */
  public double real(String key) throws IOException {
    return real(entry(key), key);
  }

  /** A number, or {@code otherwise} if there is none. */
  public double real(String key, double otherwise) throws IOException {
    return contains(key) ? real(key) : otherwise;
  }

  /** A boolean, or {@code otherwise} if there is none. */
  public boolean flag(String key, boolean otherwise) throws IOException {
    if (!contains(key)) {
      return otherwise;
    }
    Entry entry = scalar(entry(key), key);
    byte value = file.get(ValueLayout.JAVA_BYTE, entry.at());
    if (entry.type() != Type.BOOL || value < 0 || value > 1) {
      throw wrong(key, "not a boolean");
    }
    return value == 1;
  }

  /** A string. */
  public String text(String key) throws IOException {
    Entry entry = scalar(entry(key), key);
    if (entry.type() != Type.STRING) {
      throw wrong(key, "not a string");
    }
    return new GgufCursor(path, file, entry.at()).string(LONGEST_TEXT, Quoted.of(key));
  }

  /** A string, or {@code otherwise} if there is none. */
  public String text(String key, String otherwise) throws IOException {
    return contains(key) ? text(key) : otherwise;
  }

  /** A list of strings. */
  public List<String> texts(String key) throws IOException {
    Entry entry = array(key);
    if (entry.type() != Type.STRING && entry.count() > 0) {
      throw wrong(key, "not a list of strings");
    }
    GgufCursor cursor = new GgufCursor(path, file, entry.at());
    List<String> texts = new ArrayList<>();
    for (long i = 0; i < entry.count(); i++) {
      texts.add(cursor.string(LONGEST_TEXT, Quoted.of(key)));
    }
    return texts;
  }

  /** A list of whole numbers. */
  public long[] integers(String key) throws IOException {
    Entry entry = array(key);
    long[] numbers = new long[(int) Math.min(entry.count(), Integer.MAX_VALUE - 8)];
    for (int i = 0; i < numbers.length; i++) {
      long at = entry.at() + (long) i * entry.type().bytes;
      numbers[i] = integer(new Entry(entry.type(), -1, at), key);
    }
    return numbers;
  }

  /** A list of numbers. */
  public double[] reals(String key) throws IOException {
    Entry entry = array(key);
    double[] numbers = new double[(int) Math.min(entry.count(), Integer.MAX_VALUE - 8)];
    for (int i = 0; i < numbers.length; i++) {
      long at = entry.at() + (long) i * entry.type().bytes;
      numbers[i] = real(new Entry(entry.type(), -1, at), key);
    }
    return numbers;
  }

  /**
   * A value of any type: a {@code Long}, {@code Double}, {@code Boolean} or {@code String}, or a
   * list of these.
   */
  public Object value(String key) throws IOException {
    Entry entry = entry(key);
    if (entry.count() < 0) {
      return switch (entry.type()) {
        case STRING -> text(key);
        case BOOL -> flag(key, false);
        case FLOAT32, FLOAT64 -> real(entry, key);
        default -> integer(entry, key);
      };
    }
    List<Object> values = new ArrayList<>();
    switch (entry.type()) {
      case STRING -> values.addAll(texts(key));
      case FLOAT32, FLOAT64 -> {
        for (double number : reals(key)) {
          values.add(number);
        }
      }
      case BOOL -> {
        for (long i = 0; i < entry.count(); i++) {
          values.add(file.get(ValueLayout.JAVA_BYTE, entry.at() + i) != 0);
        }
      }
      default -> {
        for (long number : integers(key)) {
          values.add(number);
        }
      }
    }
    return values;
  }

  private double real(Entry entry, String key) throws IOException {
    scalar(entry, key);
    return switch (entry.type()) {
      case FLOAT32 -> file.get(GgufCursor.FLOAT, entry.at());
      case FLOAT64 -> file.get(GgufCursor.DOUBLE, entry.at());
      default -> integer(entry, key);
    };
  }

  private long integer(Entry entry, String key) throws IOException {
    scalar(entry, key);
    return switch (entry.type()) {
      case UINT8 -> file.get(ValueLayout.JAVA_BYTE, entry.at()) & 0xff;
      case INT8 -> file.get(ValueLayout.JAVA_BYTE, entry.at());
      case UINT16 -> file.get(GgufCursor.SHORT, entry.at()) & 0xffff;
      case INT16 -> file.get(GgufCursor.SHORT, entry.at());
      case UINT32 -> file.get(GgufCursor.INT, entry.at()) & 0xffffffffL;
      case INT32 -> file.get(GgufCursor.INT, entry.at());
      case INT64 -> file.get(GgufCursor.LONG, entry.at());
      case UINT64 -> {
        long number = file.get(GgufCursor.LONG, entry.at());
        if (number < 0) {
          throw wrong(key, Long.toUnsignedString(number) + ", which no size can be");
        }
        yield number;
      }
      default -> throw wrong(key, "not a whole number");
    };
  }

  private Entry entry(String key) throws IOException {
    Entry entry = entries.get(key);
    if (entry == null) {
      throw BadFile.because(
          path,
          "has no metadata " + Quoted.of(key),
          "convert the model again with llama.cpp's own tool");
    }
    return entry;
  }

  private Entry scalar(Entry entry, String key) throws IOException {
    if (entry.count() >= 0) {
      throw wrong(key, "a list");
    }
    return entry;
  }

  private Entry array(String key) throws IOException {
    Entry entry = entry(key);
    if (entry.count() < 0 || entry.type() == Type.ARRAY) {
      throw wrong(key, "not a list of plain values");
    }
    return entry;
  }

  private IOException wrong(String key, String what) {
    return BadFile.damaged(path, "its metadata " + Quoted.of(key) + " is " + what);
  }
}
