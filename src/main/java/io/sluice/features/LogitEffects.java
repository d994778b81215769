package io.sluice.features;

import io.sluice.store.tables.Cells;
import io.sluice.store.tables.Table;
import io.sluice.store.tables.TableColumn;
import io.sluice.store.tables.TableColumn.Element;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * {@code logits.arrow}: the tokens that each feature promotes and suppresses most, mapped; a row
 * per feature, in order. Where the vocabulary has fewer tokens, the id is -1.
 */
public final class LogitEffects {
  /** The name of the file. */
  public static final String FILE_NAME = "logits.arrow";

  /** Tokens of each kind. */
  public static final int MOST = 10;

  /** The columns of the file. */
  public static final List<TableColumn> COLUMNS =
      List.of(
          TableColumn.fixedList("promotes", Element.INT32, MOST),
          TableColumn.fixedList("promotes_logit", Element.FLOAT32, MOST),
          TableColumn.fixedList("suppresses", Element.INT32, MOST),
          TableColumn.fixedList("suppresses_logit", Element.FLOAT32, MOST));

  private final Cells promotes;
  private final Cells promotesLogit;
  private final Cells suppresses;
  private final Cells suppressesLogit;

  private LogitEffects(Table table) {
    promotes = table.column("promotes");
    promotesLogit = table.column("promotes_logit");
    suppresses = table.column("suppresses");
    suppressesLogit = table.column("suppresses_logit");
  }

  /**
   * Opens the file of a folder, if it has one.
   *
   * @throws IOException if it is damaged, or is not of this folder's features
   */
  public static Optional<LogitEffects> open(FeatureFolder folder) throws IOException {
    if (!folder.has(FILE_NAME)) {
      return Optional.empty();
    }
    Table table = folder.table(FILE_NAME, COLUMNS);
    folder.requireRowPerFeature(table);
    return Optional.of(new LogitEffects(table));
  }

  /** The tokens whose logits a feature raises most, the largest first. */
  public int[] promotes(int feature) {
    return promotes.wholes(feature);
  }

  /** What its decoder row adds to the logits of {@link #promotes}. */
  public float[] promotesLogit(int feature) {
    return promotesLogit.reals(feature);
  }

  /** The tokens whose logits a feature lowers most. */
  public int[] suppresses(int feature) {
    return suppresses.wholes(feature);
  }

  /** What its decoder row adds to the logits of {@link #suppresses}. */
  public float[] suppressesLogit(int feature) {
    return suppressesLogit.reals(feature);
  }
}
