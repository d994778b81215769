package io.sluice.text;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.zip.CRC32;

/**
 * Writes Parquet files with a column {@code id}, that is passed over, and one of texts in a random
 * codec, encoding and kind of page, with whatever goes wrong.
 */
final class ParquetWriter {
  private static final List<Integer> CODECS =
      List.of(
          0,
          PageWriter.SNAPPY,
          PageWriter.GZIP,
          PageWriter.LZ4_FRAMED,
          PageWriter.ZSTD,
          PageWriter.LZ4);
  private static final List<Integer> ENCODINGS =
      List.of(
          PageWriter.PLAIN, PageWriter.LENGTHS_FIRST, PageWriter.PREFIXES, PageWriter.DICTIONARY);

  private final Oddities odd;
  private final PageWriter pages;
  private final ByteArrayOutputStream file = new ByteArrayOutputStream();

  private final List<Integer> codecs;
  private final List<Integer> encodings;

  private ParquetWriter(Oddities odd, List<Integer> codecs, List<Integer> encodings) {
    this.odd = odd;
    this.codecs = codecs;
    this.encodings = encodings;
    this.pages = new PageWriter(odd);
  }

  private record Chunk(long dictionary, long data, long bytes, int rows, int codec) {}

  /**
   * A file.
   *
   * @param texts its rows; null for one without a value
   */
  static byte[] write(List<String> texts, Oddities odd) {
    return new ParquetWriter(odd, CODECS, ENCODINGS).write(texts);
  }

  /** A sound file whose texts are a dictionary, packed with Zstandard. */
  static byte[] writePacked(List<String> texts) {
    Oddities none = new Oddities(new Random(1), 0);
    return new ParquetWriter(none, List.of(PageWriter.ZSTD), List.of(PageWriter.DICTIONARY))
        .write(texts);
  }

  private byte[] write(List<String> texts) {
    mark();
    List<Chunk> chunks = new ArrayList<>();
    boolean optional = texts.contains(null) || odd.random().nextBoolean();
    for (int from = 0; from < texts.size(); ) {
      int to = Math.min(texts.size(), from + 1 + odd.random().nextInt(texts.size()));
      chunks.add(chunk(texts.subList(from, to), optional));
      from = to;
    }
    byte[] footer = footer(chunks, optional, texts.size());
    file.writeBytes(footer);
    file.writeBytes(PageWriter.little((int) odd.number(footer.length)));
    mark();
    return file.toByteArray();
  }

  private void mark() {
    file.writeBytes("PAR1".getBytes(StandardCharsets.US_ASCII));
  }

  private Chunk chunk(List<String> texts, boolean optional) {
    int codec = codecs.get(odd.random().nextInt(codecs.size()));
    int encoding = encodings.get(odd.random().nextInt(encodings.size()));
    Map<String, Integer> dictionary = new LinkedHashMap<>();
    long start = file.size();
    if (encoding == PageWriter.DICTIONARY) {
      for (String text : texts) {
        if (text != null) {
          dictionary.putIfAbsent(text, dictionary.size());
        }
      }
      byte[] page = pages.plain(bytes(new ArrayList<>(dictionary.keySet())));
      byte[] packed = pages.pack(codec, page);
      ThriftWriter header = header(2, page.length, packed);
      header.struct(7).number(1, dictionary.size()).number(2, PageWriter.PLAIN).end();
      append(header, packed);
    }
    long data = file.size();
    for (int from = 0; from < texts.size(); ) {
      int to = Math.min(texts.size(), from + 1 + odd.random().nextInt(texts.size()));
      page(texts.subList(from, to), optional, encoding, codec, dictionary);
      from = to;
    }
    long first = encoding == PageWriter.DICTIONARY ? start : 0;
    return new Chunk(first, data, file.size() - start, texts.size(), codec);
  }

  private void page(
      List<String> texts,
      boolean optional,
      int encoding,
      int codec,
      Map<String, Integer> dictionary) {
    int[] present = texts.stream().mapToInt(text -> text == null ? 0 : 1).toArray();
    byte[] levels = optional ? pages.hybrid(present, 1) : new byte[0];
    List<String> there = texts.stream().filter(text -> text != null).toList();
    byte[] values =
        switch (encoding) {
          case PageWriter.PLAIN -> pages.plain(bytes(there));
          case PageWriter.LENGTHS_FIRST -> pages.lengthsFirst(bytes(there));
          case PageWriter.PREFIXES -> pages.prefixes(bytes(there));
          default ->
              pages.places(there.stream().mapToInt(dictionary::get).toArray(), dictionary.size());
        };
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    if (odd.random().nextBoolean()) {
      if (optional) {
        body.writeBytes(PageWriter.little((int) odd.number(levels.length)));
      }
      body.writeBytes(levels);
      body.writeBytes(values);
      byte[] page = body.toByteArray();
      byte[] packed = pages.pack(codec, page);
      ThriftWriter header = header(0, page.length, packed);
      header.struct(5).number(1, texts.size()).number(2, encoding).number(3, 3).number(4, 3).end();
      append(header, packed);
    } else {
      boolean isPacked = odd.random().nextBoolean();
      body.writeBytes(levels);
      body.writeBytes(isPacked ? pages.pack(codec, values) : values);
      byte[] packed = body.toByteArray();
      ThriftWriter header = header(3, levels.length + values.length, packed);
      header
          .struct(8)
          .number(1, texts.size())
          .number(2, texts.size() - there.size())
          .number(3, texts.size())
          .number(4, encoding)
          .number(5, levels.length)
          .number(6, 0)
          .truth(7, isPacked)
          .end();
      append(header, packed);
    }
  }

  private ThriftWriter header(int kind, int unpacked, byte[] packed) {
    ThriftWriter header = new ThriftWriter(odd).begin();
    header.number(1, kind).number(2, unpacked).number(3, packed.length);
    if (odd.random().nextBoolean()) {
      CRC32 sum = new CRC32();
      sum.update(packed);
      header.number(4, (int) sum.getValue());
    }
    return header;
  }

  private void append(ThriftWriter header, byte[] packed) {
    file.writeBytes(header.end().bytes());
    file.writeBytes(packed);
  }

  private byte[] footer(List<Chunk> chunks, boolean optional, int rows) {
    ThriftWriter footer = new ThriftWriter(odd).begin().number(1, 2);
    footer.list(2, ThriftWriter.STRUCT, 3);
    footer.begin().text(4, "schema").number(5, 2).end();
    footer.begin().number(1, 2).number(3, 0).text(4, "id").end();
    footer.begin().number(1, 6).number(3, optional ? 1 : 0).text(4, "text").number(6, 0).end();
    footer.number(3, rows);
    footer.list(4, ThriftWriter.STRUCT, chunks.size());
    for (Chunk chunk : chunks) {
      footer.begin().list(1, ThriftWriter.STRUCT, 2);
      column(footer, "id", 2, new Chunk(0, 4, 0, chunk.rows, 0));
      column(footer, "text", 6, chunk);
      footer.number(2, chunk.bytes).number(3, chunk.rows).end();
    }
    return footer.end().bytes();
  }

  private static void column(ThriftWriter footer, String name, int type, Chunk chunk) {
    footer.begin().number(2, chunk.data).struct(3).number(1, type);
    footer.list(2, ThriftWriter.I32, 0).list(3, ThriftWriter.BINARY, 1).bytes(name);
    footer.number(4, chunk.codec).number(5, chunk.rows).number(6, chunk.bytes);
    footer.number(7, chunk.bytes).number(9, chunk.data);
    if (chunk.dictionary > 0) {
      footer.number(11, chunk.dictionary);
    }
    footer.end().end();
  }

  private static List<byte[]> bytes(List<String> texts) {
    return texts.stream().map(text -> text.getBytes(StandardCharsets.UTF_8)).toList();
  }
}
