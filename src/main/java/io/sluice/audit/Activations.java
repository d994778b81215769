package io.sluice.audit;

import io.sluice.memory.DType;
import io.sluice.memory.Rows;
import io.sluice.model.HookPoint;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The activations of some tokens at some hook points, in memory: float32, the same tokens in the
 * same order everywhere.
 */
final class Activations implements AutoCloseable {
  /**
   * A hook point in contexts that begin in one of the two ways.
   *
   * @param beginning whether they begin with the beginning-of-text token
   */
  record Source(boolean beginning, HookPoint point) implements Comparable<Source> {
    private static final Comparator<Source> ORDER =
        Comparator.comparing(Source::beginning).thenComparing(Source::point);

    @Override
    public int compareTo(Source other) {
      return ORDER.compare(this, other);
    }
  }

  private final Arena arena = Arena.ofShared();
  private final Map<Source, MemorySegment> memory = new TreeMap<>();
  private final Map<Source, Integer> widths;
  private int tokens;

  /**
   * Room for tokens.
   *
   * @param widths of the sources
   * @param capacity how many tokens there is room for
   */
  Activations(Map<Source, Integer> widths, int capacity) {
    this.widths = widths;
    widths.forEach(
        (source, width) ->
            memory.put(source, arena.allocate((long) capacity * width * Float.BYTES, 64)));
  }

  /** Bytes that a token takes in memory. */
  static long bytesPerToken(Map<Source, Integer> widths) {
    return widths.values().stream().mapToLong(width -> (long) width * Float.BYTES).sum();
  }

  /** The hook points in contexts that begin in one way. */
  List<HookPoint> points(boolean beginning) {
    return sources().stream()
        .filter(source -> source.beginning() == beginning)
        .map(Source::point)
        .toList();
  }

  /** All sources. */
  Collection<Source> sources() {
    return memory.keySet();
  }

  /** Tokens that are there. */
  int tokens() {
    return tokens;
  }

  /** The rows of all tokens, {@code [tokens, width]}. */
  Rows rows(Source source) {
    return new Rows(memory.get(source), DType.F32, tokens, widths.get(source));
  }

  /** Memory for tokens that come next, from {@code row} of them on. */
  MemorySegment next(Source source, int row, int count) {
    long rowBytes = (long) widths.get(source) * Float.BYTES;
    return memory.get(source).asSlice((tokens + row) * rowBytes, count * rowBytes);
  }

  /** Says that the memory of so many tokens was filled at every source. */
  void added(int count) {
    tokens += count;
  }

  @Override
  public void close() {
    arena.close();
  }
}
