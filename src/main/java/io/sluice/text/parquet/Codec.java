package io.sluice.text.parquet;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdException;
import io.sluice.files.Quoted;
import io.sluice.text.columns.Unusable;
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.brotli.dec.BrotliInputStream;

/**
 * The compression of pages. A page's header has its unpacked length; that much is allocated if it
 * is plausible, and nothing is written past it.
 */
enum Codec {
  PLAIN,
  SNAPPY,
  GZIP,
  BROTLI,
  LZ4_FRAMED,
  ZSTD,
  LZ4;

  /** In the order of their numbers in the format. */
  private static final List<Codec> READ =
      Arrays.asList(PLAIN, SNAPPY, GZIP, null, BROTLI, LZ4_FRAMED, ZSTD, LZ4);

  private static final List<String> NAMES =
      List.of("none", "Snappy", "gzip", "LZO", "Brotli", "LZ4", "Zstandard", "LZ4");

  /** Pages up to this size are always allowed; writers make them of about a megabyte. */
  private static final int ALWAYS = 8 << 20;

  /**
   * The largest ratio of unpacked to packed size of a larger page; texts usually compress by a
   * factor of three to ten.
   */
  private static final int MOST = 1000;

  /**
   * The codec of a number.
   *
   * @throws Unusable if it is not supported
   */
  static Codec of(int number, String column) throws IOException {
    Codec codec = number < 0 || number >= READ.size() ? null : READ.get(number);
    if (codec == null) {
      String name = number < 0 || number >= NAMES.size() ? "codec " + number : NAMES.get(number);
      throw new Unusable(
          "its column " + Quoted.of(column) + " is compressed with " + name + ", which is not read",
          "write it again with Zstandard, Snappy, gzip, Brotli or LZ4");
    }
    return codec;
  }

  /**
   * Unpacks a page.
   *
   * @param length its unpacked length
   * @throws IOException if it is damaged, or its unpacked length is not plausible
   */
  byte[] unpack(byte[] bytes, int from, int length) throws IOException {
    int packed = bytes.length - from;
    if (length > ALWAYS && length > (long) MOST * packed) {
      throw new IOException("a page of " + packed + " bytes unpacks to " + length);
    }
    if (this == PLAIN) {
      if (length != packed) {
        throw new IOException("the lengths of a page differ");
      }
      return Arrays.copyOfRange(bytes, from, bytes.length);
    }
    if (this == SNAPPY && Snappy.length(bytes, from) != length) {
      throw new IOException("the lengths of a page differ");
    }
    byte[] page = new byte[length];
    try {
      int done =
          switch (this) {
            case PLAIN -> throw new AssertionError();
            case SNAPPY -> Snappy.unpack(bytes, from, page);
            case GZIP -> gzip(bytes, from, page);
            case BROTLI -> brotli(bytes, from, page);
            case LZ4 -> Lz4.unpack(bytes, from, bytes.length, page, 0);
            case LZ4_FRAMED -> Lz4.unpackFramed(bytes, from, page);
            case ZSTD -> zstd(bytes, from, page);
          };
      if (done != length) {
        throw new IOException("the lengths of a page differ");
      }
    } catch (IndexOutOfBoundsException e) {
      throw new IOException("a page's compressed stream is damaged", e);
    }
    return page;
  }

  private static int gzip(byte[] bytes, int from, byte[] page) throws IOException {
    try (GZIPInputStream in =
        new GZIPInputStream(new ByteArrayInputStream(bytes, from, bytes.length - from))) {
      int done = in.readNBytes(page, 0, page.length);
      return in.read() < 0 ? done : -1;
    } catch (ZipException | EOFException e) {
      throw new IOException("a page's gzip stream is damaged", e);
    }
  }

  /** The library is optional, and decodes in the memory of the stream's window, 16 MiB at most. */
  private static int brotli(byte[] bytes, int from, byte[] page) throws IOException {
    try (BrotliInputStream in =
        new BrotliInputStream(new ByteArrayInputStream(bytes, from, bytes.length - from))) {
      int done = in.readNBytes(page, 0, page.length);
      return in.read() < 0 ? done : -1;
    } catch (IOException | IllegalStateException e) {
      throw new IOException("a page's Brotli stream is damaged", e);
    } catch (LinkageError e) {
      throw new Unusable(
          "is compressed with Brotli, whose library (org.brotli:dec) is not there",
          "add it to the class path, or write the file again with Zstandard, Snappy, gzip or LZ4");
    }
  }

  private static int zstd(byte[] bytes, int from, byte[] page) throws IOException {
    if (page.length == 0) {
      return 0;
    }
    try {
      return Zstandard.decompress(bytes, from, page);
    } catch (LinkageError e) {
      throw new Unusable(
          "is compressed with Zstandard, whose library (com.github.luben:zstd-jni) cannot be loaded"
              + " here",
          "add it to the class path, or write the file again with Snappy or gzip");
    }
  }

  /** Apart from the other codecs, because linking it needs the library, which is optional. */
  private static final class Zstandard {
    /** The library checks both ranges, and its decoder never writes past the one it is given. */
    static int decompress(byte[] bytes, int from, byte[] page) throws IOException {
      try {
        return (int)
            Zstd.decompressByteArray(page, 0, page.length, bytes, from, bytes.length - from);
      } catch (ZstdException e) {
        throw new IOException("a page's Zstandard stream is damaged", e);
      }
    }
  }
}
