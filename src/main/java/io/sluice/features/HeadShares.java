package io.sluice.features;

import io.sluice.store.tables.Cells;
import io.sluice.store.tables.Table;
import io.sluice.store.tables.TableColumn;
import io.sluice.store.tables.TableColumn.Element;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * {@code heads.arrow}: the share of each feature's activation on its top contexts that each head
 * gives, mapped; a row per feature, in order. Shares and the share of the biases add up to 1; all
 * are 0 for a feature that never fires.
 */
public final class HeadShares {
  /** The name of the file. */
  public static final String FILE_NAME = "heads.arrow";

  private final Cells share;
  private final Cells bias;

  private HeadShares(Table table) {
    share = table.column("share");
    bias = table.column("bias");
  }

  /** The columns of the file. */
  public static List<TableColumn> columns(int heads) {
    return List.of(
        TableColumn.fixedList("share", Element.FLOAT32, heads),
        TableColumn.of("bias", Element.FLOAT32));
  }

  /**
   * Opens the file of a folder, if it has one.
   *
   * @throws IOException if it is damaged, or is not of this folder's features
   */
  public static Optional<HeadShares> open(FeatureFolder folder) throws IOException {
    if (!folder.has(FILE_NAME)) {
      return Optional.empty();
    }
    Table table = folder.table(FILE_NAME, columns(Math.max(1, folder.manifest().heads())));
    folder.requireRowPerFeature(table);
    return Optional.of(new HeadShares(table));
  }

  /** The share of each head. */
  public float[] of(int feature) {
    return share.reals(feature);
  }

  /** The share of the biases. */
  public float bias(int feature) {
    return bias.real(feature);
  }
}
