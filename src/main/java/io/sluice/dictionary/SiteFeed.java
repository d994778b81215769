package io.sluice.dictionary;

import io.sluice.memory.DType;
import io.sluice.memory.GrowingMemory;
import io.sluice.memory.Rows;
import io.sluice.store.ActivationStore;
import io.sluice.store.BatchPlan;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Batches of a dictionary's inputs and targets, from the same rows of one store. Several hook
 * points of one side are side by side, {@code [rows, Σ widths]}. A single hook point without a
 * shift is read in place; otherwise the feed copies into its own memory.
 */
public final class SiteFeed {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private final ActivationFeed feed;
  private final Lane input;
  private final Lane target;

  /**
   * One batch.
   *
   * @param input {@code [rows, Σ input widths]}
   * @param target {@code [rows, Σ target widths]}; the same object if both sides are the same
   */
  public record Pair(Rows input, Rows target) {}

  /**
   * A feed.
   *
   * @param plan which batches to draw; its columns are {@link #columns} of the two sides
   * @param inputs the inputs of the dictionary
   * @param targets its targets; equal to {@code inputs} for an autoencoder or a crosscoder
   * @throws IllegalArgumentException if the store has no such column (the message lists those that
   *     it has), or a shift is of another width than its column
   */
  public SiteFeed(
      ActivationStore store, BatchPlan plan, List<SiteScaling> inputs, List<SiteScaling> targets) {
    this.feed = new ActivationFeed(store, plan, 1);
    this.input = new Lane(store, plan, inputs);
    this.target = inputs.equals(targets) ? input : new Lane(store, plan, targets);
  }

  /** The columns of both sides, each once. */
  public static List<String> columns(List<SiteScaling> inputs, List<SiteScaling> targets) {
    Set<String> names = new LinkedHashSet<>();
    Stream.concat(inputs.stream(), targets.stream()).forEach(site -> names.add(site.hook()));
    return List.copyOf(names);
  }

  /** Whether there is another batch. */
  public boolean hasNext() {
    return feed.hasNext();
  }

  /** Selected rows: those of one epoch. */
  public long rows() {
    return feed.rows();
  }

  /**
   * The row of the store that is the {@code index}-th of the selected ones.
   *
   * @throws IndexOutOfBoundsException if there are not so many
   */
  public long row(long index) {
    return feed.row(index);
  }

  /** Continues at a step, counted from 0. */
  public void seek(long step) {
    feed.seek(step);
  }

  /**
   * The next batch; its memory is valid until the following batch.
   *
   * @throws IOException if an element is NaN or infinite; the message names column and row
   */
  public Pair next() throws IOException {
    List<Rows> columns = feed.nextColumns();
    Rows read = input.rows(columns);
    return new Pair(read, target == input ? read : target.rows(columns));
  }

  /** One side: its columns and its memory. */
  private static final class Lane {
    private final int[] places;
    private final float[] scales;
    private final float[][] shifts;
    private final int width;
    private final boolean inPlace;
    private final GrowingMemory rows = new GrowingMemory();
    private MemorySegment memory = MemorySegment.NULL;

    Lane(ActivationStore store, BatchPlan plan, List<SiteScaling> sites) {
      places = new int[sites.size()];
      scales = new float[sites.size()];
      shifts = new float[sites.size()][];
      List<Integer> widths = new ArrayList<>();
      for (int i = 0; i < sites.size(); i++) {
        SiteScaling site = sites.get(i);
        int columnWidth = ActivationFeed.activations(store, site.hook()).width();
        places[i] = plan.columns().indexOf(site.hook());
        scales[i] = (float) site.scale();
        shifts[i] = site.shiftValues();
        if (shifts[i].length != 0 && shifts[i].length != columnWidth) {
          throw new IllegalArgumentException(
              "'%s' is %d wide, its shift %d"
                  .formatted(site.hook(), columnWidth, shifts[i].length));
        }
        widths.add(columnWidth);
      }
      width = widths.stream().reduce(0, Math::addExact);
      inPlace = sites.size() == 1 && shifts[0].length == 0;
    }

    Rows rows(List<Rows> columns) {
      Rows first = columns.get(places[0]);
      if (inPlace) {
        return new Rows(first.memory(), first.dtype(), first.count(), first.width(), scales[0]);
      }
      memory = rows.of(first.count(), width);
      int offset = 0;
      for (int i = 0; i < places.length; i++) {
        Rows from = columns.get(places[i]);
        put(from, scales[i], shifts[i], offset);
        offset += from.width();
      }
      return new Rows(memory, DType.F32, first.count(), width);
    }

    private void put(Rows from, float scale, float[] shift, int offset) {
      int columns = from.width();
      float[] row = new float[columns];
      for (int token = 0; token < from.count(); token++) {
        if (from.dtype() == DType.F32) {
          MemorySegment.copy(
              from.memory(), FLOAT, (long) token * columns * Float.BYTES, row, 0, columns);
        } else {
          for (int i = 0; i < columns; i++) {
            row[i] = from.at(token, i);
          }
        }
        for (int i = 0; i < shift.length; i++) {
          row[i] -= shift[i];
        }
        for (int i = 0; i < columns; i++) {
          row[i] *= scale;
        }
        MemorySegment.copy(
            row, 0, memory, FLOAT, ((long) token * width + offset) * Float.BYTES, columns);
      }
    }
  }
}
