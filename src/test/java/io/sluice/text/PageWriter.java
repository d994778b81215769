package io.sluice.text;

import com.github.luben.zstd.Zstd;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.GZIPOutputStream;

/** The contents of Parquet's pages: values, levels and what packs them, by the format's words. */
final class PageWriter {
  static final int PLAIN = 0;
  static final int LENGTHS_FIRST = 6;
  static final int PREFIXES = 7;
  static final int DICTIONARY = 8;

  static final int SNAPPY = 1;
  static final int GZIP = 2;
  static final int LZ4_FRAMED = 5;
  static final int ZSTD = 6;
  static final int LZ4 = 7;

  private final Oddities odd;

  PageWriter(Oddities odd) {
    this.odd = odd;
  }

  byte[] plain(List<byte[]> values) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] value : values) {
      out.writeBytes(little((int) odd.number(value.length)));
      out.writeBytes(value);
    }
    return out.toByteArray();
  }

  byte[] lengthsFirst(List<byte[]> values) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(deltas(values.stream().mapToInt(value -> value.length).toArray()));
    values.forEach(out::writeBytes);
    return out.toByteArray();
  }

  byte[] prefixes(List<byte[]> values) {
    int[] prefixes = new int[values.size()];
    List<byte[]> rest = new ArrayList<>();
    byte[] before = {};
    for (int i = 0; i < prefixes.length; i++) {
      byte[] value = values.get(i);
      int same = Arrays.mismatch(before, value);
      prefixes[i] = same < 0 ? value.length : same;
      rest.add(Arrays.copyOfRange(value, prefixes[i], value.length));
      before = value;
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(deltas(prefixes));
    out.writeBytes(lengthsFirst(rest));
    return out.toByteArray();
  }

  byte[] places(int[] places, int dictionarySize) {
    int width = Math.max(1, Integer.SIZE - Integer.numberOfLeadingZeros(dictionarySize - 1));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write((int) odd.number(width));
    out.writeBytes(hybrid(places, width));
    return out.toByteArray();
  }

  /** Runs, and groups of eight packed numbers, as they come. */
  byte[] hybrid(int[] numbers, int width) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (int i = 0; i < numbers.length; ) {
      int run = i;
      while (run < numbers.length && numbers[run] == numbers[i]) {
        run++;
      }
      if (run - i >= 3 || odd.random().nextInt(4) == 0) {
        ThriftWriter.varint(out, odd.number(run - i) << 1);
        out.write(little(numbers[i]), 0, (width + 7) / 8);
        i = run;
      } else {
        int groups = 1 + odd.random().nextInt(3);
        ThriftWriter.varint(out, odd.number(groups) << 1 | 1);
        int[] eight = Arrays.copyOfRange(numbers, i, i + 8 * groups);
        out.writeBytes(pack(Arrays.stream(eight).asLongStream().toArray(), width));
        i = Math.min(numbers.length, i + 8 * groups);
      }
    }
    return out.toByteArray();
  }

  /** Blocks of 128 differences in four parts. */
  private byte[] deltas(int[] numbers) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ThriftWriter.varint(out, odd.number(128));
    ThriftWriter.varint(out, odd.number(4));
    ThriftWriter.varint(out, odd.number(numbers.length));
    ThriftWriter.varint(out, zigzag(odd.number(numbers.length == 0 ? 0 : numbers[0])));
    for (int block = 1; block < numbers.length; block += 128) {
      long[] deltas = new long[128];
      int count = Math.min(128, numbers.length - block);
      long least = Long.MAX_VALUE;
      for (int i = 0; i < count; i++) {
        deltas[i] = numbers[block + i] - numbers[block + i - 1];
        least = Math.min(least, deltas[i]);
      }
      for (int i = 0; i < count; i++) {
        deltas[i] -= least;
      }
      ThriftWriter.varint(out, zigzag(odd.number(least)));
      int[] widths = new int[4];
      for (int i = 0; i < count; i++) {
        widths[i / 32] = Math.max(widths[i / 32], Long.SIZE - Long.numberOfLeadingZeros(deltas[i]));
      }
      for (int width : widths) {
        out.write((int) odd.number(width));
      }
      for (int mini = 0; mini < 4 && 32 * mini < count; mini++) {
        out.writeBytes(pack(Arrays.copyOfRange(deltas, 32 * mini, 32 * mini + 32), widths[mini]));
      }
    }
    return out.toByteArray();
  }

  private static long zigzag(long value) {
    return value << 1 ^ value >> 63;
  }

  private static byte[] pack(long[] numbers, int width) {
    byte[] packed = new byte[numbers.length * width / 8];
    for (int i = 0; i < numbers.length * width; i++) {
      long bit = numbers[i / width] >>> i % width & 1;
      packed[i / 8] |= (byte) (bit << i % 8);
    }
    return packed;
  }

  byte[] pack(int codec, byte[] page) {
    return switch (codec) {
      case SNAPPY -> snappy(page);
      case GZIP -> gzip(page);
      case ZSTD -> Zstd.compress(page);
      case LZ4 -> lz4(page);
      case LZ4_FRAMED -> {
        byte[] block = lz4(page);
        ByteBuffer framed = ByteBuffer.allocate(8 + block.length);
        framed.putInt((int) odd.number(page.length)).putInt((int) odd.number(block.length));
        yield framed.put(block).array();
      }
      default -> page;
    };
  }

  private static byte[] gzip(byte[] page) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(page);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  /** Literals and all three kinds of copies. */
  private byte[] snappy(byte[] page) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ThriftWriter.varint(out, odd.number(page.length));
    for (int at = 0; at < page.length; ) {
      int distance = 1 + odd.random().nextInt(300);
      int same = same(page, at, distance, 64);
      if (same >= 4) {
        int length = (int) odd.number(same);
        int back = (int) odd.number(distance);
        int kind = same < 12 ? 1 + odd.random().nextInt(3) : 2 + odd.random().nextInt(2);
        if (kind == 1) {
          out.write(1 | (length - 4 & 7) << 2 | (back >>> 8 & 7) << 5);
          out.write(back);
        } else {
          out.write(kind | length - 1 << 2);
          out.write(little(back), 0, kind == 2 ? 2 : 4);
        }
        at += same;
      } else {
        int length = Math.min(page.length - at, 1 + odd.random().nextInt(400));
        int written = (int) odd.number(length) - 1;
        if (length <= 60) {
          out.write(written << 2);
        } else {
          int bytes = length <= 256 ? 1 : 2 + odd.random().nextInt(3);
          out.write(59 + bytes << 2);
          out.write(little(written), 0, bytes);
        }
        out.write(page, at, length);
        at += length;
      }
    }
    return out.toByteArray();
  }

  private byte[] lz4(byte[] page) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (int at = 0; at < page.length; ) {
      int literals = Math.min(page.length - at, odd.random().nextInt(400));
      int distance = 1 + odd.random().nextInt(300);
      int same = same(page, at + literals, distance, 1000);
      boolean last = same < 4;
      literals = last ? page.length - at : literals;
      int token = Math.min(15, literals) << 4 | (last ? 0 : Math.min(15, same - 4));
      out.write((int) odd.number(token));
      more(out, literals);
      out.write(page, at, literals);
      at += literals;
      if (!last) {
        out.write(little((int) odd.number(distance)), 0, 2);
        more(out, same - 4);
        at += same;
        if (at == page.length) {
          out.write(0); // A block ends with literals, be it none.
        }
      }
    }
    return out.toByteArray();
  }

  private void more(ByteArrayOutputStream out, int count) {
    if (count >= 15) {
      for (long left = Math.min(1 << 20, odd.size(count - 15)); ; left -= 255) {
        out.write((int) Math.min(255, left));
        if (left < 255) {
          return;
        }
      }
    }
  }

  private static int same(byte[] page, int at, int distance, int most) {
    int same = 0;
    while (distance <= at
        && same < most
        && at + same < page.length
        && page[at + same] == page[at + same - distance]) {
      same++;
    }
    return same;
  }

  static byte[] little(int value) {
    return ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array();
  }
}
