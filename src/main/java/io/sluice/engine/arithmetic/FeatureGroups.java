package io.sluice.engine.arithmetic;

import io.sluice.memory.GrowingMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The entries of a batch's {@link Codes} grouped by feature (a counting sort), so that each active
 * row is gathered, updated and written once. Groups are in ascending order of feature, and within a
 * group in order of token, so that sums come out the same every time.
 *
 * <p>All arrays are native memory that is reused from batch to batch.
 */
public final class FeatureGroups implements AutoCloseable {
  private final int[] next;
  private final MemorySegment active;
  private final MemorySegment starts;
  private final Arena fixed = Arena.ofShared();
  private final GrowingMemory tokenMemory = GrowingMemory.owned();
  private final GrowingMemory entryMemory = GrowingMemory.owned();
  private MemorySegment tokens = MemorySegment.NULL;
  private MemorySegment entries = MemorySegment.NULL;
  private int groups;
  private int size;

  public FeatureGroups(int features) {
    next = new int[features];
    active = fixed.allocate((long) features * Long.BYTES, 64);
    starts = fixed.allocate((features + 1L) * Integer.BYTES, 64);
  }

  /** Groups the entries of {@code codes}; what was grouped before is forgotten. */
  public void group(Codes codes) {
    size = codes.entries();
    tokens = tokenMemory.ofBytes((long) size * Integer.BYTES);
    entries = entryMemory.ofBytes((long) size * Integer.BYTES);
    java.util.Arrays.fill(next, 0);
    for (int entry = 0; entry < size; entry++) {
      next[codes.feature(entry)]++;
    }
    groups = 0;
    int start = 0;
    for (int feature = 0; feature < next.length; feature++) {
      int count = next[feature];
      if (count > 0) {
        active.setAtIndex(ValueLayout.JAVA_LONG, groups, feature);
        starts.setAtIndex(ValueLayout.JAVA_INT, groups++, start);
        next[feature] = start;
        start += count;
      }
    }
    starts.setAtIndex(ValueLayout.JAVA_INT, groups, start);
    int rows = codes.rows();
    for (int row = 0; row < rows; row++) {
      int end = codes.offset(row + 1);
      for (int entry = codes.offset(row); entry < end; entry++) {
        int place = next[codes.feature(entry)]++;
        tokens.setAtIndex(ValueLayout.JAVA_INT, place, row);
        entries.setAtIndex(ValueLayout.JAVA_INT, place, entry);
      }
    }
  }

  /** How many features fired in the batch. */
  public int groups() {
    return groups;
  }

  /** The feature of group {@code group}. */
  public int feature(int group) {
    return (int) active.getAtIndex(ValueLayout.JAVA_LONG, group);
  }

  /** The first group whose feature is at least {@code feature}; {@link #groups()} if none is. */
  public int firstAtLeast(int feature) {
    int low = 0;
    int high = groups;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (feature(middle) < feature) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  /** Where the places of a group begin; {@code group} may equal {@link #groups()}. */
  public int start(int group) {
    return starts.getAtIndex(ValueLayout.JAVA_INT, group);
  }

  /** The token at a place. */
  public int token(int place) {
    return tokens.getAtIndex(ValueLayout.JAVA_INT, place);
  }

  /** The entry in the codes at a place. */
  public int entry(int place) {
    return entries.getAtIndex(ValueLayout.JAVA_INT, place);
  }

  /** Active features, int64 {@code [groups]}. */
  public MemorySegment features() {
    return active.asSlice(0, (long) groups * Long.BYTES);
  }

  /** Starts of all groups and the end of the last, int32 {@code [groups + 1]}. */
  public MemorySegment starts() {
    return starts.asSlice(0, (groups + 1L) * Integer.BYTES);
  }

  /** Tokens by place, int32 {@code [entries]}. */
  public MemorySegment tokens() {
    return tokens;
  }

  /** Entries by place, int32 {@code [entries]}. */
  public MemorySegment entries() {
    return entries;
  }

  @Override
  public void close() {
    fixed.close();
    tokenMemory.close();
    entryMemory.close();
  }
}
