package io.sluice.store.files;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;

/** The bytes of a shard, for the parser of its metadata. */
public interface ShardBytes {
  /** The number of bytes. */
  long size();

  /**
   * A range of bytes inside the file, in memory that does not change.
   *
   * @throws IOException if they cannot be read
   */
  ByteBuffer read(long offset, int length) throws IOException;

  /** The bytes of an open file. */
  static ShardBytes of(FileChannel file, long size) {
    return new ShardBytes() {
      @Override
      public long size() {
        return size;
      }

      @Override
      public ByteBuffer read(long offset, int length) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(length);
        while (bytes.hasRemaining()) {
          if (file.read(bytes, offset + bytes.position()) < 0) {
            throw new IOException("it was truncated while it was opened");
          }
        }
        return bytes.flip();
      }
    };
  }
}
