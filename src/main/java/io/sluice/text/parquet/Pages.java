package io.sluice.text.parquet;

import io.sluice.files.Quoted;
import io.sluice.files.Unfolding;
import io.sluice.text.columns.ColumnFile;
import io.sluice.text.columns.Unusable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.zip.CRC32;

/**
 * The entries of one column, in memory for one page and one dictionary: a value, a missing one, or
 * an empty list. Errors do not name the file; an index outside of a page may be an {@link
 * IndexOutOfBoundsException}.
 */
final class Pages {
  /** The first and last bytes of a Parquet file. */
  private static final String MAGIC = "PAR1";

  private static final int TAIL = 8;
  private static final int MOST_FOOTER = 1 << 28;
  private static final int FIRST_WINDOW = 1 << 14;

  private final FileChannel channel;
  private final long fileBytes;
  private final Footer footer;
  private final Unfolding unfolding;
  private final Iterator<Footer.Chunk> chunks;
  private Footer.Chunk chunk;
  private long entriesLeft;
  private boolean starts;
  private long at;
  private long end;
  private Dictionary dictionary;
  private byte[] numbersPage;
  private int numbersCount;
  private long pageLeft;
  private Hybrid repetitions;
  private Hybrid levels;
  private Values values;
  private Numbers numbers;
  private int repetition;
  private int definition;

  Pages(FileChannel channel, Footer footer) throws IOException {
    this.channel = channel;
    this.fileBytes = channel.size();
    this.footer = footer;
    this.unfolding = new Unfolding(fileBytes);
    this.chunks = footer.chunks().iterator();
  }

  /** The footer of a file. */
  static byte[] footer(FileChannel channel) throws IOException {
    long size = channel.size();
    if (size < MAGIC.length() + TAIL) {
      throw new IOException("it ends early");
    }
    byte[] tail = read(channel, size - TAIL, TAIL);
    String magic = new String(tail, 4, 4, StandardCharsets.ISO_8859_1);
    if (magic.equals("PARE")) {
      throw new Unusable("is encrypted", "write it again without encryption");
    }
    if (!magic.equals(MAGIC)) {
      throw new IOException("it does not end with " + MAGIC);
    }
    int length = Dictionary.length(tail, 0);
    if (length < 1 || length > size - TAIL - MAGIC.length() || length > MOST_FOOTER) {
      throw new IOException("its footer cannot have " + (length & 0xffffffffL) + " bytes");
    }
    return read(channel, size - TAIL - length, length);
  }

  /**
   * Moves to the next entry.
   *
   * @return false if there is none
   * @throws IOException if the file is damaged, or its unpacked size is not plausible
   */
  boolean next() throws IOException {
    while (entriesLeft == 0) {
      if (!chunks.hasNext()) {
        return false;
      }
      begin(chunks.next());
    }
    while (pageLeft == 0) {
      nextPage();
    }
    if (pageLeft > entriesLeft) {
      throw new IOException("a page has more rows than its row group");
    }
    pageLeft--;
    entriesLeft--;
    repetition = repetitions == null ? 0 : repetitions.next();
    definition = levels == null ? footer.optional() : levels.next();
    if (definition > footer.optional()) {
      throw new IOException("a page says wrongly which rows are missing");
    }
    if (starts && repetition != 0) {
      throw new IOException("a row group begins inside of a row");
    }
    starts = false;
    unfolding.add(1);
    return true;
  }

  /** 0 if the entry begins a row, 1 if it goes on with a list. */
  int repetition() {
    return repetition;
  }

  /** How much of the entry is there: {@link Footer#optional} if it has a value. */
  int definition() {
    return definition;
  }

  /** The entry's value, a text, which must be there; to be called once. */
  Values text() throws IOException {
    values.next();
    unfolding.add((long) values.to - values.from);
    return values;
  }

  /** The entry's value, an integer, which must be there; to be called once. */
  long number() throws IOException {
    unfolding.add(Long.BYTES);
    return numbers.next();
  }

  private void begin(Footer.Chunk next) throws IOException {
    if (next.offset() > fileBytes || next.bytes() > fileBytes - next.offset()) {
      throw new IOException(
          "it refers to " + next.bytes() + " bytes at " + next.offset() + " of " + fileBytes);
    }
    unfolding.add(1); // Row groups that hold nothing are work, too.
    chunk = next;
    entriesLeft = next.entries();
    starts = true;
    at = next.offset();
    end = at + next.bytes();
    dictionary = null;
    numbersPage = null;
  }

  private void nextPage() throws IOException {
    if (at == end) {
      throw new IOException("a row group ends before its rows do");
    }
    PageHeader header = header();
    at += header.length();
    if (header.packed() > end - at) {
      throw new IOException("a page ends after its row group");
    }
    long position = at;
    at += header.packed();
    boolean isData = header.kind() == PageHeader.DATA || header.kind() == PageHeader.DATA_2;
    if (header.kind() != PageHeader.DICTIONARY && !(isData && header.count() > 0)) {
      return;
    }
    byte[] packed = read(channel, position, header.packed());
    check(header, packed);
    unfolding.add(header.unpacked());
    switch (header.kind()) {
      case PageHeader.DICTIONARY -> {
        if (header.encoding() != Encoding.PLAIN && header.encoding() != Encoding.OLD_DICTIONARY) {
          throw unknownEncoding(header.encoding());
        }
        byte[] page = chunk.codec().unpack(packed, 0, header.unpacked());
        if (footer.type() == Footer.BYTE_ARRAY) {
          dictionary = Dictionary.of(page, header.count());
        } else {
          numbersPage = page;
          numbersCount = header.count();
        }
      }
      case PageHeader.DATA -> beginPage(header, packed);
      default -> beginPage2(header, packed);
    }
  }

  /** A page's header, of any length: it may hold the smallest and the largest text of the page. */
  private PageHeader header() throws IOException {
    for (long window = FIRST_WINDOW; ; window *= 8) {
      int length = (int) Math.min(Math.min(window, end - at), MOST_FOOTER);
      try {
        return PageHeader.read(read(channel, at, length), length);
      } catch (Thrift.EndsEarly e) {
        if (length < window) {
          throw e;
        }
      }
    }
  }

  private static void check(PageHeader header, byte[] packed) throws IOException {
    if (header.checksum() != null) {
      CRC32 checksum = new CRC32();
      checksum.update(packed);
      if ((int) checksum.getValue() != header.checksum()) {
        throw new IOException("a page differs from its checksum");
      }
    }
  }

  private void beginPage(PageHeader header, byte[] packed) throws IOException {
    byte[] page = chunk.codec().unpack(packed, 0, header.unpacked());
    int start = 0;
    repetitions = null;
    levels = null;
    if (footer.item() > 0) {
      int end = levelsEnd(page, start, header.repetitionEncoding());
      repetitions = new Hybrid(page, start + Integer.BYTES, end, 1);
      start = end;
    }
    if (footer.optional() > 0) {
      int end = levelsEnd(page, start, header.levelEncoding());
      levels = new Hybrid(page, start + Integer.BYTES, end, levelBits());
      start = end;
    }
    begin(header, page, start);
  }

  /** Where levels end that begin with their length in four bytes. */
  private int levelsEnd(byte[] page, int start, int encoding) throws IOException {
    if (encoding != Encoding.RUNS) {
      throw unknownEncoding(encoding);
    }
    int length = Dictionary.length(page, start);
    if (length < 0 || length > page.length - start - Integer.BYTES) {
      throw new IOException("a page ends before its values do");
    }
    return start + Integer.BYTES + length;
  }

  /** Pages of the second kind keep their levels in front of the compressed part. */
  private void beginPage2(PageHeader header, byte[] packed) throws IOException {
    int repetition = header.repetitionBytes();
    int definition = header.definitionBytes();
    if (repetition < 0
        || definition < 0
        || (long) repetition + definition > Math.min(packed.length, header.unpacked())) {
      throw new IOException("a page ends before its values do");
    }
    int start = repetition + definition;
    repetitions = footer.item() > 0 ? new Hybrid(packed, 0, repetition, 1) : null;
    levels = footer.optional() > 0 ? new Hybrid(packed, repetition, start, levelBits()) : null;
    Codec codec = header.isPacked() ? chunk.codec() : Codec.PLAIN;
    boolean isEmpty = header.unpacked() == start; // All rows are missing.
    byte[] page = isEmpty ? new byte[0] : codec.unpack(packed, start, header.unpacked() - start);
    begin(header, page, 0);
  }

  private int levelBits() {
    return Integer.SIZE - Integer.numberOfLeadingZeros(footer.optional());
  }

  private void begin(PageHeader header, byte[] page, int start) throws IOException {
    pageLeft = header.count();
    if (footer.type() == Footer.BYTE_ARRAY) {
      values = values(header.encoding(), page, start);
    } else {
      numbers = numbers(header.encoding(), page, start);
    }
  }

  private Values values(int encoding, byte[] page, int start) throws IOException {
    return switch (encoding) {
      case Encoding.PLAIN -> new Values.Plain(page, start);
      case Encoding.DICTIONARY, Encoding.OLD_DICTIONARY -> {
        requireDictionary(dictionary);
        yield new Values.Places(dictionary, page, start);
      }
      case Encoding.LENGTHS_FIRST ->
          // A page without any value may hold nothing at all.
          start == page.length
              ? new Values.Plain(page, start)
              : new Values.AfterLengths(page, start);
      case Encoding.PREFIXES ->
          start == page.length
              ? new Values.Plain(page, start)
              : new Values.AfterPrefixes(page, start);
      default -> throw unknownEncoding(encoding);
    };
  }

  private Numbers numbers(int encoding, byte[] page, int start) throws IOException {
    int width = Numbers.width(footer.type());
    return switch (encoding) {
      case Encoding.PLAIN -> new Numbers.Plain(page, start, width);
      case Encoding.DICTIONARY, Encoding.OLD_DICTIONARY -> {
        requireDictionary(numbersPage);
        yield new Numbers.Places(numbersPage, numbersCount, width, page, start);
      }
      case Encoding.DELTAS ->
          start == page.length
              ? new Numbers.Plain(page, start, width)
              : new Numbers.Differences(page, start, width);
      case Encoding.STREAMS -> new Numbers.Streams(page, start, width);
      default -> throw unknownEncoding(encoding);
    };
  }

  private static void requireDictionary(Object there) throws IOException {
    if (there == null) {
      throw new IOException("a page refers to a dictionary that is not there");
    }
  }

  private Unusable unknownEncoding(int encoding) {
    return new Unusable(
        "its column "
            + Quoted.of(footer.name())
            + " is written in the encoding "
            + encoding
            + ", which "
            + (footer.type() == Footer.BYTE_ARRAY
                ? "texts do not have"
                : "is not read for integers"),
        "write it again, plain or with a dictionary");
  }

  private static byte[] read(FileChannel channel, long position, int length) throws IOException {
    byte[] bytes = new byte[length];
    ColumnFile.read(channel, position, ByteBuffer.wrap(bytes));
    return bytes;
  }
}
