package io.sluice.weights;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/**
 * Where the contents of a zip file's entries begin, which {@link java.util.zip.ZipFile} does not
 * tell; so entries that are not compressed can be read in the mapped file. The directory is
 * untrusted: where anything in it is unusual, no place is known.
 */
final class ZipPlaces {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final int LOCAL = 0x04034b50;
  private static final int ENTRY = 0x02014b50;
  private static final int END = 0x06054b50;
  private static final int WIDE_END = 0x06064b50;
  private static final int WIDE_LOCATOR = 0x07064b50;

  private static final int LOCAL_BYTES = 30;
  private static final int ENTRY_BYTES = 46;
  private static final int END_BYTES = 22;
  private static final int LOCATOR_BYTES = 20;
  private static final int LONGEST_COMMENT = 0xffff;

  /** Of a 32-bit field whose value stands elsewhere in 64 bits. */
  private static final long ELSEWHERE = 0xffffffffL;

  /** The field in which such values stand. */
  private static final int WIDE_FIELD = 1;

  private final MemorySegment file;

  private ZipPlaces(MemorySegment file) {
    this.file = file;
  }

  /**
   * Reads the directory of a zip file.
   *
   * @return by name, the byte at which each entry's content begins; empty if this is not a zip file
   *     as it is usually written
   */
  static Map<String, Long> of(MemorySegment file) {
    try {
      return new ZipPlaces(file).read();
    } catch (IndexOutOfBoundsException e) {
      return Map.of();
    }
  }

  private Map<String, Long> read() {
    long end = end();
    if (end < 0) {
      return Map.of();
    }
    long count = u16(end + 10);
    long at = u32(end + 16);
    if (count == 0xffff || at == ELSEWHERE) {
      long wide = i32(end - LOCATOR_BYTES) == WIDE_LOCATOR ? i64(end - LOCATOR_BYTES + 8) : -1;
      if (wide < 0 || i32(wide) != WIDE_END) {
        return Map.of();
      }
      count = i64(wide + 32);
      at = i64(wide + 48);
    }
    Map<String, Long> places = new HashMap<>();
    for (long entry = 0; entry < count; entry++) {
      int name = u16(at + 28);
      int extra = u16(at + 30);
      String text = text(at + ENTRY_BYTES, name);
      long content = i32(at) == ENTRY ? content(local(at, name, extra), text) : -1;
      if (content < 0 || places.put(text, content) != null) {
        return Map.of();
      }
      at += ENTRY_BYTES + name + extra + u16(at + 32);
    }
    return places;
  }

  /** Where the end of the directory is, behind which there may be a comment; −1 for nowhere. */
  private long end() {
    long last = file.byteSize() - END_BYTES;
    for (long at = last; at >= Math.max(0, last - LONGEST_COMMENT); at--) {
      if (i32(at) == END && at + END_BYTES + u16(at + 20) == file.byteSize()) {
        return at;
      }
    }
    return -1;
  }

  /** Where an entry's own header is; −1 for nowhere. */
  private long local(long entry, int name, int extra) {
    long local = u32(entry + 42);
    if (local != ELSEWHERE) {
      return local;
    }
    int before = (u32(entry + 24) == ELSEWHERE ? 8 : 0) + (u32(entry + 20) == ELSEWHERE ? 8 : 0);
    long at = entry + ENTRY_BYTES + name;
    for (long end = at + extra; at + 4 <= end; at += 4 + u16(at + 2)) {
      if (u16(at) == WIDE_FIELD && u16(at + 2) >= before + 8) {
        return i64(at + 4 + before);
      }
    }
    return -1;
  }

  /** Where the content is behind a header of that name; −1 for nowhere. */
  private long content(long local, String name) {
    if (local < 0 || i32(local) != LOCAL) {
      return -1;
    }
    int length = u16(local + 26);
    return text(local + LOCAL_BYTES, length).equals(name)
        ? local + LOCAL_BYTES + length + u16(local + 28)
        : -1;
  }

  private String text(long at, int length) {
    return new String(
        file.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
  }

  private int u16(long at) {
    return Short.toUnsignedInt(file.get(SHORT, at));
  }

  private int i32(long at) {
    return file.get(INT, at);
  }

  private long u32(long at) {
    return Integer.toUnsignedLong(file.get(INT, at));
  }

  private long i64(long at) {
    return file.get(LONG, at);
  }
}
