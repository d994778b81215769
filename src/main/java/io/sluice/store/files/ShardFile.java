package io.sluice.store.files;

import io.sluice.store.tables.TableFrame;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.zip.CRC32C;

/** Writes one shard from the memory of its columns and computes its checksum. */
public final class ShardFile {
  private static final long CHUNK_BYTES = 1 << 20;

  private final FileChannel channel;
  private final CRC32C checksum = new CRC32C();

  private ShardFile(FileChannel channel) {
    this.channel = channel;
  }

  /** The length of the file of a layout. */
  public static long bytes(ShardLayout layout) {
    ShardFrame frame = new ShardFrame(layout);
    return frame.head().length + layout.bodyBytes() + frame.tail().length;
  }

  /**
   * Writes the shard from the channel's start.
   *
   * @param columns the memory of each column of {@code layout}, without padding
   */
  public static Manifest.Shard write(
      FileChannel channel, String name, ShardLayout layout, MemorySegment[] columns)
      throws IOException {
    ShardFrame frame = new ShardFrame(layout);
    ShardFile file = new ShardFile(channel);
    file.write(MemorySegment.ofArray(frame.head()));
    MemorySegment zeros = MemorySegment.ofArray(new byte[TableFrame.ALIGNMENT]);
    for (MemorySegment column : columns) {
      file.write(column);
      long bytes = column.byteSize();
      file.write(zeros.asSlice(0, TableFrame.align(bytes) - bytes));
    }
    file.write(MemorySegment.ofArray(frame.tail()));
    return new Manifest.Shard(
        name, layout.rows(), channel.position(), (int) file.checksum.getValue());
  }

  // In chunks: the checksum brings into the cache what the write then reads, and a ByteBuffer
  // cannot
  // span more than 2 GiB.
  private void write(MemorySegment memory) throws IOException {
    for (long start = 0; start < memory.byteSize(); start += CHUNK_BYTES) {
      long length = Math.min(CHUNK_BYTES, memory.byteSize() - start);
      ByteBuffer buffer = memory.asSlice(start, length).asByteBuffer();
      checksum.update(buffer.duplicate());
      while (buffer.hasRemaining()) {
        channel.write(buffer);
      }
    }
  }
}
