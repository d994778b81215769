package io.sluice.testing;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;

/** An open file of {@link WatchedFiles}. */
final class WatchedChannel extends FileChannel {
  private final FileChannel real;
  private final Path file;
  private final WatchedFiles.Watcher watcher;

  WatchedChannel(FileChannel real, Path file, WatchedFiles.Watcher watcher) {
    this.real = real;
    this.file = file;
    this.watcher = watcher;
  }

  /** Announces a write; a large one is cut in two, so that its first half is there alone. */
  private ByteBuffer announced(ByteBuffer bytes) throws IOException {
    watcher.before("write", file);
    int part = bytes.remaining() > 1 ? bytes.remaining() / 2 : bytes.remaining();
    return bytes.slice(bytes.position(), part);
  }

  private static int taken(ByteBuffer bytes, int count) {
    bytes.position(bytes.position() + count);
    return count;
  }

  @Override
  public int write(ByteBuffer bytes) throws IOException {
    int first = taken(bytes, real.write(announced(bytes)));
    if (!bytes.hasRemaining()) {
      return first;
    }
    watcher.before("write on", file);
    return first + real.write(bytes);
  }

  @Override
  public int write(ByteBuffer bytes, long position) throws IOException {
    int first = taken(bytes, real.write(announced(bytes), position));
    if (!bytes.hasRemaining()) {
      return first;
    }
    watcher.before("write on", file);
    return first + real.write(bytes, position + first);
  }

  @Override
  public long write(ByteBuffer[] bytes, int offset, int length) throws IOException {
    watcher.before("write", file);
    return real.write(bytes, offset, length);
  }

  @Override
  public void force(boolean metadata) throws IOException {
    watcher.before("flush", file);
    real.force(metadata);
  }

  @Override
  public FileChannel truncate(long size) throws IOException {
    watcher.before("truncate", file);
    real.truncate(size);
    return this;
  }

  @Override
  public long transferFrom(ReadableByteChannel source, long position, long count)
      throws IOException {
    watcher.before("write", file);
    return real.transferFrom(source, position, count);
  }

  @Override
  public int read(ByteBuffer bytes) throws IOException {
    return real.read(bytes);
  }

  @Override
  public int read(ByteBuffer bytes, long position) throws IOException {
    return real.read(bytes, position);
  }

  @Override
  public long read(ByteBuffer[] bytes, int offset, int length) throws IOException {
    return real.read(bytes, offset, length);
  }

  @Override
  public long transferTo(long position, long count, WritableByteChannel target) throws IOException {
    return real.transferTo(position, count, target);
  }

  @Override
  public long position() throws IOException {
    return real.position();
  }

  @Override
  public FileChannel position(long position) throws IOException {
    real.position(position);
    return this;
  }

  @Override
  public long size() throws IOException {
    return real.size();
  }

  @Override
  public MappedByteBuffer map(MapMode mode, long position, long size) throws IOException {
    return real.map(mode, position, size);
  }

  @Override
  public MemorySegment map(MapMode mode, long offset, long size, Arena arena) throws IOException {
    return real.map(mode, offset, size, arena);
  }

  @Override
  public FileLock lock(long position, long size, boolean shared) throws IOException {
    return real.lock(position, size, shared);
  }

  @Override
  public FileLock tryLock(long position, long size, boolean shared) throws IOException {
    return real.tryLock(position, size, shared);
  }

  @Override
  protected void implCloseChannel() throws IOException {
    real.close();
  }
}
