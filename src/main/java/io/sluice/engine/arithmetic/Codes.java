package io.sluice.engine.arithmetic;

import io.sluice.engine.activation.AbsTopK;
import io.sluice.engine.activation.BatchTopK;
import io.sluice.memory.GrowingMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/**
 * The sparse codes of a batch in native memory, token after token: token {@code r} owns the entries
 * {@code [offset(r), offset(r + 1))}. Every value is > 0, or not 0 after {@link AbsTopK}; the order
 * within a token is the engine's own. The memory is reused from batch to batch and freed with the
 * engine.
 */
public final class Codes implements AutoCloseable {
  private final GrowingMemory offsetMemory = GrowingMemory.owned();
  private final GrowingMemory featureMemory = GrowingMemory.owned();
  private final GrowingMemory valueMemory = GrowingMemory.owned();
  private int rows;
  private float leastScore;
  private MemorySegment offsets = MemorySegment.NULL;
  private MemorySegment features = MemorySegment.NULL;
  private MemorySegment values = MemorySegment.NULL;

  /** Starts a new batch with room for {@code rows} tokens and {@code entries} codes in all. */
  public void begin(int rows, int entries) {
    offsets = offsetMemory.ofBytes((rows + 1L) * Integer.BYTES);
    features = featureMemory.ofBytes((long) entries * Integer.BYTES);
    values = valueMemory.ofBytes((long) entries * Float.BYTES);
    this.rows = 0;
    leastScore = 0;
    offsets.setAtIndex(ValueLayout.JAVA_INT, 0, 0);
  }

  /** Closes the next token, whose codes end before entry {@code end}. */
  public void endRow(int end) {
    offsets.setAtIndex(ValueLayout.JAVA_INT, ++rows, end);
  }

  public void set(int entry, int feature, float value) {
    if (!(value > 0)) {
      throw notFinite(feature, value);
    }
    features.setAtIndex(ValueLayout.JAVA_INT, entry, feature);
    values.setAtIndex(ValueLayout.JAVA_FLOAT, entry, value);
  }

  /** Like {@link #set}, of any value that is a number. */
  public void put(int entry, int feature, float value) {
    if (Float.isNaN(value)) {
      throw notFinite(feature, value);
    }
    features.setAtIndex(ValueLayout.JAVA_INT, entry, feature);
    values.setAtIndex(ValueLayout.JAVA_FLOAT, entry, value);
  }

  private NonFiniteCodeException notFinite(int feature, float value) {
    return new NonFiniteCodeException(rows, feature, value);
  }

  public void setLeastScore(float score) {
    leastScore = score;
  }

  /**
   * The lowest score that a {@link BatchTopK} kept: a code's value, times the norm of its decoder
   * row where scores have it; 0 if there are no codes, and after other selections.
   */
  public float leastScore() {
    return leastScore;
  }

  /** Tokens in the batch. */
  public int rows() {
    return rows;
  }

  /** Codes of all tokens together; divided by {@link #rows()} it is the batch's L0. */
  public int entries() {
    return rows == 0 ? 0 : offset(rows);
  }

  /** Where token {@code row}'s entries begin; {@code row} may equal {@link #rows()}. */
  public int offset(int row) {
    Objects.checkIndex(row, rows + 1);
    return offsets.getAtIndex(ValueLayout.JAVA_INT, row);
  }

  /** The feature of an entry. */
  public int feature(int entry) {
    return features.getAtIndex(ValueLayout.JAVA_INT, entry);
  }

  /** The value of an entry: > 0, or not 0 after {@link AbsTopK}. */
  public float value(int entry) {
    return values.getAtIndex(ValueLayout.JAVA_FLOAT, entry);
  }

  /** Offsets as int32, {@code [rows + 1]}: a view that is good until the next batch. */
  public MemorySegment offsets() {
    return offsets.asSlice(0, (rows + 1L) * Integer.BYTES).asReadOnly();
  }

  /** Features as int32, {@code [entries]}: a view that is good until the next batch. */
  public MemorySegment features() {
    return features.asSlice(0, (long) entries() * Integer.BYTES).asReadOnly();
  }

  /** Values as float32, {@code [entries]}: a view that is good until the next batch. */
  public MemorySegment values() {
    return values.asSlice(0, (long) entries() * Float.BYTES).asReadOnly();
  }

  @Override
  public void close() {
    offsetMemory.close();
    featureMemory.close();
    valueMemory.close();
    rows = 0;
  }
}
