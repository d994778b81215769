package io.sluice.dictionary;

import io.sluice.memory.Rows;
import io.sluice.store.ActivationStore;
import io.sluice.store.Batch;
import io.sluice.store.BatchPlan;
import io.sluice.store.Batches;
import io.sluice.store.files.Column;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Batches of columns of a store as {@link Rows}, each checked to be finite. */
public final class ActivationFeed {
  private final ActivationStore store;
  private final List<Column> columns;
  private final Batches batches;
  private final float scale;

  /**
   * A feed.
   *
   * @param plan a plan whose columns are the ones to read
   * @param scale factor of all elements
   * @throws IllegalArgumentException if the store has no such column (the message lists those that
   *     it has), or the column holds no activations
   */
  public ActivationFeed(ActivationStore store, BatchPlan plan, float scale) {
    this.store = store;
    this.columns = plan.columns().stream().map(name -> activations(store, name)).toList();
    this.batches = store.batches(plan);
    this.scale = scale;
  }

  /**
   * The column of activations called {@code hook}.
   *
   * @throws IllegalArgumentException if there is none; the message lists the hook points there are
   */
  public static Column activations(ActivationStore store, String hook) {
    return store
        .hookPoint(hook)
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "the store "
                        + store.place()
                        + " has no hook point '"
                        + hook
                        + "'; it has "
                        + String.join(", ", store.columns().stream().map(Column::name).toList())));
  }

  /** Selected rows: those of one epoch. */
  public long rows() {
    return batches.rows();
  }

  /** Whether there is another batch. */
  public boolean hasNext() {
    return batches.hasNext();
  }

  /**
   * The row of the store that is the {@code index}-th of the selected ones.
   *
   * @throws IndexOutOfBoundsException if there are not so many
   */
  public long row(long index) {
    return batches.row(index);
  }

  /** Continues at a step, counted from 0. */
  public void seek(long step) {
    batches.seek(step);
  }

  /**
   * The next batch of the first column; its memory is valid until the following batch.
   *
   * @throws IOException if an element is NaN or infinite; the message names column and row
   */
  public Rows next() throws IOException {
    return nextColumns().getFirst();
  }

  /**
   * The next batch of all columns, the same rows of each, in the order of the plan; its memory is
   * valid until the following batch.
   *
   * @throws IOException if an element is NaN or infinite; the message names column and row
   */
  public List<Rows> nextColumns() throws IOException {
    Batch batch = batches.next();
    List<Rows> all = new ArrayList<>(columns.size());
    for (int i = 0; i < columns.size(); i++) {
      Column column = batch.columns().get(i);
      Rows rows = new Rows(batch.data(i), column.dtype(), batch.rows(), column.width(), scale);
      requireFinite(column, batch, rows);
      all.add(rows);
    }
    return all;
  }

  private void requireFinite(Column column, Batch batch, Rows rows) throws IOException {
    long bad = rows.firstNonFinite();
    if (bad >= 0) {
      int row = (int) (bad / column.width());
      int element = (int) (bad % column.width());
      throw new IOException(
          "%s: column '%s', row %d, element %d is %s; capture this text again or leave the row out"
              .formatted(
                  store.place(),
                  column.name(),
                  batch.rowNumber(row),
                  element,
                  Float.toString(rows.at(row, element))));
    }
  }
}
