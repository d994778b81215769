package io.sluice.features;

import io.sluice.store.tables.Table;
import io.sluice.store.tables.TableColumn;
import io.sluice.store.tables.TableColumn.Element;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * {@code sources.arrow}: where attention took the activations of top contexts from, mapped; a row
 * per context of kind 0, in the order of {@code contexts.arrow}.
 */
public final class Sources {
  /** The name of the file. */
  public static final String FILE_NAME = "sources.arrow";

  /** Sources that are listed of each context, at most. */
  public static final int MOST = 64;

  /** The columns of the file. */
  public static final List<TableColumn> COLUMNS =
      List.of(
          TableColumn.of("feature", Element.INT32),
          TableColumn.of("rank", Element.INT32),
          TableColumn.list("positions", Element.INT32),
          TableColumn.list("heads", Element.UINT8),
          TableColumn.list("contribution", Element.FLOAT32),
          TableColumn.of("rest", Element.FLOAT32),
          TableColumn.of("bias", Element.FLOAT32));

  private final Table table;

  private Sources(Table table) {
    this.table = table;
  }

  /**
   * The sources of one activation. The sum of {@code contributions}, {@code rest} and {@code bias}
   * is the activation.
   *
   * @param rank of the context
   * @param positions in the document; those of special tokens that a context begins with are before
   *     its first token
   * @param heads that read them; {@link #NO_HEAD} for a Lorsa's feature, which has its own
   *     attention
   * @param contributions to the activation, the largest first
   * @param rest what all other sources give
   * @param bias what biases give: of {@code W_O}, of the encoder, and the decoder bias that is
   *     subtracted; of a Lorsa, the value's
   */
  public record Split(
      int rank, int[] positions, int[] heads, float[] contributions, float rest, float bias) {
    /** In the place of a head of the model where there is none. */
    public static final int NO_HEAD = -1;
  }

  /**
   * Opens the file of a folder, if it has one.
   *
   * @throws IOException if it is damaged
   */
  public static Optional<Sources> open(FeatureFolder folder) throws IOException {
    return folder.has(FILE_NAME)
        ? Optional.of(new Sources(folder.table(FILE_NAME, COLUMNS)))
        : Optional.empty();
  }

  /** The sources of a feature's activation in one of its top contexts; empty if there are none. */
  public Optional<Split> of(int feature, int rank) {
    long at = first(feature) + rank;
    if (at < 0
        || at >= table.rows()
        || table.column("feature").whole(at) != feature
        || table.column("rank").whole(at) != rank) {
      return Optional.empty();
    }
    int[] positions = table.column("positions").wholes(at);
    int[] heads = table.column("heads").wholes(at);
    float[] contributions = table.column("contribution").reals(at);
    boolean split = heads.length > 0 || contributions.length == 0;
    if (positions.length != contributions.length || split && heads.length != contributions.length) {
      throw new UncheckedIOException(
          new IOException(
              "%s: damaged: row %d has %d positions, %d heads and %d contributions; %s"
                  .formatted(
                      table.file(),
                      at,
                      positions.length,
                      heads.length,
                      contributions.length,
                      ManifestJson.REMEDY)));
    }
    return Optional.of(
        new Split(
            rank,
            positions,
            split ? heads : none(contributions.length),
            contributions,
            table.column("rest").real(at),
            table.column("bias").real(at)));
  }

  private static int[] none(int count) {
    int[] heads = new int[count];
    Arrays.fill(heads, Split.NO_HEAD);
    return heads;
  }

  /** The first row of a feature or of one after it; features ascend. */
  private long first(int feature) {
    long low = 0;
    long high = table.rows();
    while (low < high) {
      long middle = (low + high) >>> 1;
      if (table.column("feature").whole(middle) < feature) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}
