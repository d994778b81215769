package io.sluice.text.arrow;

import io.sluice.text.columns.ColumnFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;

/** Part of a file in memory; it moves on when what is beyond it is read. */
final class Window {
  private static final int LENGTH = 1 << 16;

  private final FileChannel channel;
  private final ByteBuffer bytes =
      ByteBuffer.allocate(LENGTH).order(ByteOrder.LITTLE_ENDIAN).limit(0);
  private long start;

  Window(FileChannel channel) {
    this.channel = channel;
  }

  /** The byte at a position. */
  int oneByte(long position) throws IOException {
    return bytes.get(moveTo(position, 1)) & 0xff;
  }

  /** A number of some bytes, lowest first; of fewer than eight it is taken as signed. */
  long number(long position, int width) throws IOException {
    int at = moveTo(position, width);
    return switch (width) {
      case Byte.BYTES -> bytes.get(at);
      case Short.BYTES -> bytes.getShort(at);
      case Integer.BYTES -> bytes.getInt(at);
      default -> bytes.getLong(at);
    };
  }

  /** Copies bytes from a position on. */
  void read(long position, byte[] to) throws IOException {
    if (to.length <= LENGTH) {
      bytes.get(moveTo(position, to.length), to);
    } else {
      ColumnFile.read(channel, position, ByteBuffer.wrap(to));
    }
  }

  private int moveTo(long position, int length) throws IOException {
    if (position < start || position + length > start + bytes.limit()) {
      bytes.clear();
      bytes.limit((int) Math.min(LENGTH, Math.max(length, channel.size() - position)));
      start = position;
      ColumnFile.read(channel, position, bytes);
    }
    return (int) (position - start);
  }
}
