package io.sluice.features.gather;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Iterator;
import java.util.NoSuchElementException;

/** The chunks of some batches, which are encoded when more are asked for. */
final class ChunkIterator implements Iterator<CodeChunk> {
  private final ChunkedCodes chunks;
  private final long end;
  private final boolean even;
  private final Encoder encoder;
  private long batch;
  private CodeChunk next;

  /** Adds the codes of a batch to the chunks. */
  interface Encoder {
    void encode(long batch) throws IOException;
  }

  /**
   * Before the first chunk.
   *
   * @param even whether groups without codes have a chunk, too
   */
  ChunkIterator(ChunkedCodes chunks, long from, long end, boolean even, Encoder encoder) {
    this.chunks = chunks;
    this.batch = from;
    this.end = end;
    this.even = even;
    this.encoder = encoder;
  }

  @Override
  public boolean hasNext() {
    next = next == null ? chunks.poll() : next;
    while (next == null && batch <= end) {
      if (batch < end) {
        encode();
      } else {
        chunks.end(even);
      }
      batch++;
      next = chunks.poll();
    }
    return next != null;
  }

  private void encode() {
    try {
      encoder.encode(batch);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public CodeChunk next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    CodeChunk chunk = next;
    next = null;
    return chunk;
  }
}
