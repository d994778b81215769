package io.sluice.weights;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Reads a GGUF header from front to back; nothing is read or allocated beyond the file's end. */
final class GgufCursor {
  private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
  static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ORDER);
  static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ORDER);
  static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ORDER);
  static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ORDER);
  static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ORDER);

  private final Path path;
  private final MemorySegment file;
  private long at;

  GgufCursor(Path path, MemorySegment file, long at) {
    this.path = path;
    this.file = file;
    this.at = at;
  }

  long position() {
    return at;
  }

  int int32(String what) throws IOException {
    return file.get(INT, advance(Integer.BYTES, what));
  }

  long int64(String what) throws IOException {
    return file.get(LONG, advance(Long.BYTES, what));
  }

  /**
   * The number of following items, each of which takes at least {@code least} bytes of the file.
   *
   * @throws IOException if that many do not fit
   */
  long count(long least, String what) throws IOException {
    long count = int64(what);
    long room = (file.byteSize() - at) / least;
    if (count < 0 || count > room) {
      throw damaged(
          "its number of "
              + what
              + " is "
              + Long.toUnsignedString(count)
              + ", but at most "
              + room
              + " fit into the file");
    }
    return count;
  }

  /** A string of at most {@code longest} bytes. */
  String string(long longest, String what) throws IOException {
    long length = int64(what);
    if (length < 0 || length > longest) {
      throw damaged(
          what
              + " at byte "
              + (at - Long.BYTES)
              + " has the length "
              + Long.toUnsignedString(length)
              + "; at most "
              + longest
              + " are allowed");
    }
    return text(advance(length, what), (int) length, what);
  }

  /** Skips a string and returns its offset. */
  void skipString(String what) throws IOException {
    long length = int64(what);
    skip(length, what);
  }

  void skip(long bytes, String what) throws IOException {
    advance(bytes, what);
  }

  private long advance(long bytes, String what) throws IOException {
    if (bytes < 0 || bytes > file.byteSize() - at) {
      throw damaged(
          "it ends within "
              + what
              + ": "
              + Long.toUnsignedString(bytes)
              + " bytes from byte "
              + at
              + " on, in a file of "
              + file.byteSize());
    }
    long start = at;
    at += bytes;
    return start;
  }

  private String text(long start, int length, String what) throws IOException {
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .decode(file.asSlice(start, length).asByteBuffer())
          .toString();
    } catch (CharacterCodingException e) {
      throw damaged(what + " at byte " + start + " is not UTF-8");
    }
  }

  IOException damaged(String wrong) {
    return BadFile.damaged(path, wrong);
  }
}
