package io.sluice.text.parquet;

import io.sluice.files.Quoted;
import io.sluice.files.Unfolding;
import io.sluice.text.columns.ColumnFile;
import io.sluice.text.columns.ColumnRows;
import io.sluice.text.columns.Unusable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.zip.CRC32;

/**
 * Reads one column of texts of a Parquet file, row by row, in memory for one page and one
 * dictionary:
 *
 * <pre>{@code
 * ParquetReader rows = ParquetReader.open(file, channel, "text");
 * while (rows.next()) {
 *   if (!rows.isMissing()) { … rows.bytes(), rows.from(), rows.to() … }
 * }
 * }</pre>
 *
 * <p>It reads uncompressed, Snappy, gzip, Zstandard and LZ4 pages of both kinds in every encoding
 * that texts have, columns of structures included, but no lists. It is not a library, because files
 * are untrusted: every length is checked before memory is allocated or written, nothing recurses,
 * and no other thread reads ahead.
 */
public final class ParquetReader implements ColumnRows {
  private static final String KIND = "a Parquet file";

  /** The first and last bytes of a Parquet file. */
  private static final String MAGIC = "PAR1";

  private static final int TAIL = 8;
  private static final int MOST_FOOTER = 1 << 28;
  private static final int FIRST_WINDOW = 1 << 14;

  private final Path file;
  private final FileChannel channel;
  private final long fileBytes;
  private final Footer footer;
  private final Unfolding unfolding;
  private final Iterator<Footer.Chunk> chunks;
  private Footer.Chunk chunk;
  private long rowsLeft;
  private long at;
  private long end;
  private Dictionary dictionary;
  private long pageLeft;
  private Hybrid levels;
  private Values values;
  private boolean isMissing;

  private ParquetReader(Path file, FileChannel channel, Footer footer) throws IOException {
    this.file = file;
    this.channel = channel;
    this.fileBytes = channel.size();
    this.footer = footer;
    this.unfolding = new Unfolding(fileBytes);
    this.chunks = footer.chunks().iterator();
  }

  /**
   * Reads the footer.
   *
   * @param file the file's name for messages
   * @param channel the file, which the caller closes
   * @param column the column's name; of a structure's field {@code structure.field}
   * @throws IOException if it is not a Parquet file, is damaged, or has no such column of texts;
   *     one line that names the file
   */
  public static ParquetReader open(Path file, FileChannel channel, String column)
      throws IOException {
    try {
      return new ParquetReader(file, channel, Footer.read(footer(channel), column));
    } catch (IOException e) {
      throw ColumnFile.fault(file, KIND, e);
    }
  }

  private static byte[] footer(FileChannel channel) throws IOException {
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

  /** As in {@link ColumnRows}; also refused is a file whose unpacked size is not plausible. */
  @Override
  public boolean next() throws IOException {
    try {
      while (rowsLeft == 0) {
        if (!chunks.hasNext()) {
          return false;
        }
        begin(chunks.next());
      }
      while (pageLeft == 0) {
        nextPage();
      }
      if (pageLeft > rowsLeft) {
        throw new IOException("a page has more rows than its row group");
      }
      pageLeft--;
      rowsLeft--;
      isMissing = levels != null && isMissing(levels.next());
      if (!isMissing) {
        values.next();
      }
      unfolding.add(isMissing ? 1 : 1L + values.to - values.from);
      return true;
    } catch (IndexOutOfBoundsException e) {
      throw ColumnFile.fault(file, KIND, new IOException("a page ends before its values do", e));
    } catch (IOException e) {
      throw ColumnFile.fault(file, KIND, e);
    }
  }

  private boolean isMissing(int level) throws IOException {
    if (level > footer.optional()) {
      throw new IOException("a page says wrongly which rows are missing");
    }
    return level < footer.optional();
  }

  @Override
  public boolean isMissing() {
    return isMissing;
  }

  @Override
  public byte[] bytes() {
    return values.bytes;
  }

  @Override
  public int from() {
    return values.from;
  }

  @Override
  public int to() {
    return values.to;
  }

  private void begin(Footer.Chunk next) throws IOException {
    if (next.offset() > fileBytes || next.bytes() > fileBytes - next.offset()) {
      throw new IOException(
          "it refers to " + next.bytes() + " bytes at " + next.offset() + " of " + fileBytes);
    }
    unfolding.add(1); // Row groups that hold nothing are work, too.
    chunk = next;
    rowsLeft = next.rows();
    at = next.offset();
    end = at + next.bytes();
    dictionary = null;
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
        dictionary = Dictionary.of(page, header.count());
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
    levels = null;
    if (footer.optional() > 0) {
      if (header.levelEncoding() != Encoding.RUNS) {
        throw unknownEncoding(header.levelEncoding());
      }
      int length = Dictionary.length(page, 0);
      if (length < 0 || length > page.length - Integer.BYTES) {
        throw new IOException("a page ends before its values do");
      }
      start = Integer.BYTES + length;
      levels = new Hybrid(page, Integer.BYTES, start, levelBits());
    }
    begin(header, page, start);
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
    values =
        switch (header.encoding()) {
          case Encoding.PLAIN -> new Values.Plain(page, start);
          case Encoding.DICTIONARY, Encoding.OLD_DICTIONARY -> {
            if (dictionary == null) {
              throw new IOException("a page refers to a dictionary that is not there");
            }
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
          default -> throw unknownEncoding(header.encoding());
        };
  }

  private Unusable unknownEncoding(int encoding) {
    return new Unusable(
        "its column "
            + Quoted.of(footer.name())
            + " is written in the encoding "
            + encoding
            + ", which texts do not have",
        "write it again, plain or with a dictionary");
  }

  private static byte[] read(FileChannel channel, long position, int length) throws IOException {
    byte[] bytes = new byte[length];
    ColumnFile.read(channel, position, ByteBuffer.wrap(bytes));
    return bytes;
  }
}
