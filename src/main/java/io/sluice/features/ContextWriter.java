package io.sluice.features;

import io.sluice.store.tables.ColumnBuffer;
import io.sluice.store.tables.TableFile;
import io.sluice.store.tables.TableWriter;
import java.io.IOException;
import java.util.Arrays;

/**
 * Writes {@code contexts.arrow} context by context, and notes where each feature begins. Not safe
 * for use by several threads at a time.
 */
public final class ContextWriter implements AutoCloseable {
  private final TableWriter table;
  private final long[] first;
  private final ColumnBuffer feature;
  private final ColumnBuffer kind;
  private final ColumnBuffer rank;
  private final ColumnBuffer row;
  private final ColumnBuffer document;
  private final ColumnBuffer position;
  private final ColumnBuffer activation;
  private final ColumnBuffer firstPosition;
  private final ColumnBuffer tokens;
  private final ColumnBuffer activations;
  private int nextFeature;
  private FeatureContext last;

  /**
   * Begins to write.
   *
   * @param table an empty table with the columns of contexts; closed with this
   */
  ContextWriter(TableWriter table, int features) {
    this.table = table;
    this.first = new long[features + 1];
    feature = table.column("feature");
    kind = table.column("kind");
    rank = table.column("rank");
    row = table.column("row");
    document = table.column("document");
    position = table.column("position");
    activation = table.column("activation");
    firstPosition = table.column("first");
    tokens = table.column("tokens");
    activations = table.column("activations");
  }

  /** Ends the table; {@link #starts} is known then. */
  TableFile finish() throws IOException {
    Arrays.fill(first, nextFeature, first.length, table.rows());
    return table.finish();
  }

  /** The index of each feature's first context, and the number of all. */
  long[] starts() {
    return first;
  }

  /** Deletes the file unless it is finished. */
  @Override
  public void close() throws IOException {
    table.close();
  }

  /**
   * Writes the next context.
   *
   * @throws IOException if it cannot be written
   * @throws IllegalArgumentException if it does not come after the one before it, by feature, kind
   *     and rank
   */
  public void put(FeatureContext context) throws IOException {
    requireAfter(context);
    while (nextFeature <= context.feature()) {
      first[nextFeature++] = table.rows();
    }
    feature.put(context.feature());
    kind.put(context.kind());
    rank.put(context.rank());
    row.put(context.row());
    document.put(context.document());
    position.put(context.position());
    activation.put(context.activation());
    firstPosition.put(context.first());
    tokens.put(context.tokens());
    activations.put(context.activations());
    table.endRow();
    last = context;
  }

  private void requireAfter(FeatureContext next) {
    boolean after =
        last == null
            || next.feature() > last.feature()
            || next.feature() == last.feature()
                && (next.kind() > last.kind()
                    || next.kind() == last.kind() && next.rank() > last.rank());
    if (!after || next.feature() >= first.length - 1) {
      throw new IllegalArgumentException("context " + next + " does not come after " + last);
    }
  }
}
