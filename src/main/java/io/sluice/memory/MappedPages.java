package io.sluice.memory;

import java.lang.foreign.MemorySegment;

/**
 * Pages of mapped files whose values have been read. They count as memory of the process until the
 * system takes them back, which it does late; a large file that is read once, to be checked or
 * copied, would seem to be in memory beside its copy.
 */
public final class MappedPages {
  /** A multiple of the size of a page on all systems. */
  private static final long PAGES = 64 << 10;

  /** How much is copied before its pages are given back. */
  private static final long PIECE = 16L << 20;

  private MappedPages() {}

  /**
   * Gives pages back, if they are of a mapped file and the system can. What is read from them later
   * comes from the file again, or from the system's copy of it.
   *
   * @param read memory of any kind; only that of a file that is mapped for reading is affected
   */
  public static void release(MemorySegment read) {
    if (!read.isMapped() || !read.isReadOnly()) {
      return;
    }
    long start = Math.ceilDiv(read.address(), PAGES) * PAGES;
    long end = (read.address() + read.byteSize()) / PAGES * PAGES;
    if (start < end) {
      HugeMemory.giveBack(start, end - start);
    }
  }

  /**
   * Copies memory, and gives pages of a mapped file back as soon as they are copied.
   *
   * @param to at least as large
   */
  public static void copy(MemorySegment from, MemorySegment to) {
    for (long at = 0; at < from.byteSize(); at += PIECE) {
      MemorySegment piece = from.asSlice(at, Math.min(PIECE, from.byteSize() - at));
      MemorySegment.copy(piece, 0, to, at, piece.byteSize());
      release(piece);
    }
  }
}
