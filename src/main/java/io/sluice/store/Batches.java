package io.sluice.store;

import io.sluice.memory.DType;
import io.sluice.store.files.Column;
import io.sluice.store.tables.TableFrame;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * Batches of a store, gathered into memory that is reused. The order depends only on the seed, so
 * {@code (seed, step)} is the whole state: {@link #seek} goes to any step in constant time.
 *
 * <p>A shuffled order has an unlimited number of epochs. Each epoch is another permutation of all
 * rows. Batches are cut from the infinite sequence, so all are full, and one batch may hold the end
 * of an epoch and the start of the next.
 */
public final class Batches {
  /** Below this many bytes per batch one thread is faster than starting several. */
  private static final long PARALLEL_BYTES = 4L << 20;

  private static final int ROWS_PER_TASK = 256;

  private final ActivationStore store;
  private final BatchPlan plan;
  private final RowSelection selection;
  private final Permutation permutation; // null: sequential
  private final int[] sources;
  private final List<Column> columns;
  private final boolean mapped;
  private final MemorySegment[][] shardMemory; // [column][shard], of mapped shards
  private final ShardIndex index;
  private final int[] places; // of the rows of a batch: their shards
  private final long[] checked; // by shard, the last gathering that found its file whole
  private final long[] checkedFiles; // the same by file
  private final MemorySegment[] memory;
  private final long[] rowNumbers;
  private final Batch batch;
  private final boolean parallel;
  private long step;
  private long epoch = -1;
  private long gathered;

  Batches(ActivationStore store, BatchPlan plan) {
    this.store = store;
    this.plan = plan;
    try {
      this.selection = RowSelection.of(store, plan.filter(), plan.columns());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    this.mapped = store.reading() == Reading.MAPPED;
    this.index = store.index();
    this.checked = new long[store.shards().size()];
    this.checkedFiles = new long[store.manifest().shards().size()];
    boolean shuffled = plan.order() == BatchPlan.Order.SHUFFLED;
    if (shuffled && selection.count() == 0) {
      throw new IllegalArgumentException(
          "%s: none of its %d rows is selected; %s"
              .formatted(store.place(), store.rows(), store.remedyForNoRows()));
    }
    this.permutation = shuffled ? new Permutation(selection.count()) : null;
    int count = plan.columns().size();
    this.sources = new int[count];
    this.shardMemory = new MemorySegment[count][];
    this.memory = new MemorySegment[count];
    this.columns = new ArrayList<>();
    long bytes = 0;
    for (int i = 0; i < count; i++) {
      int source = store.indexOf(plan.columns().get(i));
      Column stored = store.column(plan.columns().get(i));
      Column column = named(plan.columns().get(i), plan.widen() ? widened(stored) : stored);
      sources[i] = source;
      columns.add(column);
      shardMemory[i] = mapped ? mapped(store, source) : null;
      long size = (long) plan.size() * column.bytesPerRow();
      memory[i] = Arena.ofAuto().allocate(size, TableFrame.ALIGNMENT);
      bytes += size;
    }
    this.rowNumbers = new long[plan.size()];
    this.places = new int[plan.size()];
    this.batch = new Batch(List.copyOf(columns), memory, rowNumbers);
    this.parallel = bytes >= PARALLEL_BYTES && Runtime.getRuntime().availableProcessors() > 1;
  }

  private static MemorySegment[] mapped(ActivationStore store, int column) {
    MemorySegment[] memory = new MemorySegment[store.shards().size()];
    try {
      for (int i = 0; i < memory.length; i++) {
        memory[i] = store.shards().get(i).mapped(column);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return memory;
  }

  /** The plan of these batches. */
  public BatchPlan plan() {
    return plan;
  }

  /** Selected rows: those of one epoch. */
  public long rows() {
    return selection.count();
  }

  /**
   * The row of the store that is the {@code index}-th of the selected ones.
   *
   * @throws IndexOutOfBoundsException if there are not so many
   */
  public long row(long index) {
    return selection.row(Objects.checkIndex(index, selection.count()));
  }

  /** The step of the next batch, counted from 0. */
  public long step() {
    return step;
  }

  /** Whether there is a next batch; a shuffled order has no end. */
  public boolean hasNext() {
    return permutation != null || Math.multiplyExact(step, plan.size()) < selection.count();
  }

  /**
   * Continues at a step.
   *
   * @throws IllegalArgumentException if {@code step} is negative or beyond 2⁶³ rows
   */
  public void seek(long step) {
    if (step < 0 || step > Long.MAX_VALUE / plan.size() - 1) {
      throw new IllegalArgumentException("cannot go to step " + step);
    }
    this.step = step;
  }

  /**
   * Gathers the next batch. The object and its memory are the same each time.
   *
   * @throws NoSuchElementException at the end of a sequential order
   * @throws IOException if a file was truncated after the store was opened, or cannot be read; the
   *     message names it
   */
  public Batch next() throws IOException {
    if (!hasNext()) {
      throw new NoSuchElementException(
          "step " + step + " is past the last of " + selection.count() + " rows");
    }
    batch.rows(chooseRows());
    for (int i = 0; i < batch.rows(); i++) {
      places[i] = index.of(rowNumbers[i]);
    }
    step++;
    try {
      if (mapped) {
        requireWhole();
        inParts(this::gather);
      } else {
        inParts(this::copy);
      }
    } catch (InternalError e) {
      throw store.unreadable(e);
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
    return batch;
  }

  private void inParts(IntConsumer part) {
    int tasks = (batch.rows() + ROWS_PER_TASK - 1) / ROWS_PER_TASK;
    if (parallel) {
      IntStream.range(0, tasks).parallel().forEach(part);
    } else {
      for (int task = 0; task < tasks; task++) {
        part.accept(task);
      }
    }
  }

  /** Checks the length of each file that this batch reads, once. */
  private void requireWhole() throws IOException {
    gathered++;
    for (int i = 0; i < batch.rows(); i++) {
      int place = places[i];
      if (checked[place] != gathered) {
        checked[place] = gathered;
        Shard shard = store.shards().get(place);
        if (checkedFiles[shard.file()] != gathered) {
          checkedFiles[shard.file()] = gathered;
          shard.requireWhole();
        }
      }
    }
  }

  private int chooseRows() {
    long first = step * plan.size();
    long count = selection.count();
    if (permutation == null) {
      int rows = (int) Math.min(plan.size(), count - first);
      for (int i = 0; i < rows; i++) {
        rowNumbers[i] = selection.row(first + i);
      }
      return rows;
    }
    for (int i = 0; i < rowNumbers.length; i++) {
      long index = first + i;
      long indexEpoch = index / count;
      if (indexEpoch != epoch) {
        epoch = indexEpoch;
        permutation.key(plan.seed(), epoch);
      }
      rowNumbers[i] = selection.row(permutation.at(index - epoch * count));
    }
    return rowNumbers.length;
  }

  private void gather(int task) {
    int start = task * ROWS_PER_TASK;
    int end = Math.min(batch.rows(), start + ROWS_PER_TASK);
    for (int c = 0; c < sources.length; c++) {
      Column stored = store.column(sources[c]);
      MemorySegment[] shards = shardMemory[c];
      MemorySegment target = memory[c];
      long from = stored.bytesPerRow();
      long to = columns.get(c).bytesPerRow();
      boolean widen = from != to;
      for (int i = start; i < end; i++) {
        int shard = places[i];
        long offset = (rowNumbers[i] - index.firstRow(shard)) * from;
        if (widen) {
          Elements.widen(shards[shard], offset, stored.dtype(), target, i * to, stored.width());
        } else {
          MemorySegment.copy(shards[shard], offset, target, i * to, to);
        }
      }
    }
  }

  /** Like {@link #gather}, from files that are not mapped: consecutive rows in one read. */
  private void copy(int task) {
    int start = task * ROWS_PER_TASK;
    int end = Math.min(batch.rows(), start + ROWS_PER_TASK);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment scratch = null;
      for (int i = start; i < end; ) {
        Shard shard = store.shards().get(places[i]);
        int from = (int) (rowNumbers[i] - shard.firstRow());
        int count = 1;
        while (i + count < end
            && rowNumbers[i + count] == rowNumbers[i] + count
            && from + count < shard.rows()) {
          count++;
        }
        for (int c = 0; c < sources.length; c++) {
          Column stored = store.column(sources[c]);
          long at = (long) i * columns.get(c).bytesPerRow();
          if (stored.bytesPerRow() == columns.get(c).bytesPerRow()) {
            shard.copy(sources[c], from, count, memory[c], at);
          } else {
            scratch = scratch == null ? arena.allocate(widestPart(), 64) : scratch;
            shard.copy(sources[c], from, count, scratch, 0);
            Elements.widen(scratch, 0, stored.dtype(), memory[c], at, count * stored.width());
          }
        }
        i += count;
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private long widestPart() {
    long widest = 0;
    for (int source : sources) {
      widest = Math.max(widest, (long) ROWS_PER_TASK * store.column(source).bytesPerRow());
    }
    return widest;
  }

  /** The column as it was asked for, which may be by another of its names. */
  private static Column named(String name, Column column) {
    return column.name().equals(name) ? column : new Column(name, column.width(), column.dtype());
  }

  private static Column widened(Column column) {
    return column.isTokenColumn() ? column : new Column(column.name(), column.width(), DType.F32);
  }
}
