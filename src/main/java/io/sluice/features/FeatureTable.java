package io.sluice.features;

import io.sluice.features.FeatureManifest.Source;
import io.sluice.store.tables.Cells;
import io.sluice.store.tables.Table;
import io.sluice.store.tables.TableColumn;
import io.sluice.store.tables.TableColumn.Element;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** {@code features.arrow}: the numbers of each feature, mapped; a row per feature, in order. */
public final class FeatureTable {
  /** The name of the file. */
  public static final String FILE_NAME = "features.arrow";

  /** Similar features that each feature has. */
  public static final int SIMILAR = 5;

  /** Rows of a record batch. */
  static final int ROWS_PER_BATCH = 1 << 16;

  private final Table table;
  private final Cells count;
  private final Cells density;
  private final Cells mean;
  private final Cells max;
  private final Cells histogram;
  private final Cells encoderNorm;
  private final Cells decoderNorm;
  private final Cells cosine;
  private final Cells activeShare;
  private final Cells similar;
  private final Cells similarCosine;
  private final Cells dead;

  private FeatureTable(Table table) {
    this.table = table;
    count = table.column("count");
    density = table.column("density");
    mean = table.column("mean");
    max = table.column("max");
    histogram = table.column("histogram");
    encoderNorm = table.column("encoder_norm");
    decoderNorm = table.column("decoder_norm");
    cosine = table.column("cosine");
    activeShare = table.column("active_share");
    similar = table.column("similar");
    similarCosine = table.column("similar_cosine");
    dead = table.column("dead");
  }

  /** The columns of the file for a dictionary. */
  static List<TableColumn> columns(Source dictionary, int bins) {
    List<TableColumn> columns =
        new ArrayList<>(
            List.of(
                TableColumn.of("feature", Element.INT32),
                TableColumn.of("count", Element.INT64),
                TableColumn.of("density", Element.FLOAT32),
                TableColumn.of("mean", Element.FLOAT32),
                TableColumn.of("max", Element.FLOAT32),
                TableColumn.fixedList("histogram", Element.UINT32, bins),
                TableColumn.of("encoder_norm", Element.FLOAT32),
                TableColumn.of("decoder_norm", Element.FLOAT32),
                TableColumn.nullable("cosine", Element.FLOAT32),
                TableColumn.nullable("active_share", Element.FLOAT32),
                TableColumn.fixedList("similar", Element.INT32, SIMILAR),
                TableColumn.fixedList("similar_cosine", Element.FLOAT32, SIMILAR),
                TableColumn.of("dead", Element.BOOL)));
    if (dictionary.hasSites()) {
      columns.add(
          TableColumn.fixedList("site_decoder_norm", Element.FLOAT32, dictionary.writes().size()));
    }
    return List.copyOf(columns);
  }

  static FeatureTable open(Path folder, FeatureManifest manifest) throws IOException {
    List<TableColumn> columns = columns(manifest.dictionary(), manifest.histogram().bins());
    Path file = folder.resolve(FILE_NAME);
    Table table = Table.open(file, columns, ManifestJson.REMEDY);
    if (table.rows() != manifest.dictionary().features()) {
      throw new IOException(
          "%s: has %d rows, and the dictionary has %d features; %s"
              .formatted(
                  file, table.rows(), manifest.dictionary().features(), ManifestJson.REMEDY));
    }
    return new FeatureTable(table);
  }

  /** The number of features. */
  public int features() {
    return (int) table.rows();
  }

  /** Tokens on which a feature fires. */
  public long count(int feature) {
    return count.whole(feature);
  }

  /** The share of tokens on which it fires. */
  public float density(int feature) {
    return density.real(feature);
  }

  /** Its mean activation over the tokens on which it fires; 0 if there are none. */
  public float mean(int feature) {
    return mean.real(feature);
  }

  /** Its largest activation; 0 if it fires on no token. */
  public float max(int feature) {
    return max.real(feature);
  }

  /** Its activations by the bins of the manifest. */
  public long[] histogram(int feature) {
    int[] bits = histogram.wholes(feature);
    long[] counts = new long[bits.length];
    for (int i = 0; i < bits.length; i++) {
      counts[i] = Integer.toUnsignedLong(bits[i]);
    }
    return counts;
  }

  /** The L2 norm of its encoder row. */
  public float encoderNorm(int feature) {
    return encoderNorm.real(feature);
  }

  /** The L2 norm of its decoder row, of all hook points together. */
  public float decoderNorm(int feature) {
    return decoderNorm.real(feature);
  }

  /**
   * The cosine of its encoder row with its decoder row; NaN if the dictionary reads other hook
   * points than it writes.
   */
  public float cosine(int feature) {
    return cosine.real(feature);
  }

  /** The share of its decoder row's squared length inside the active subspace; NaN if not known. */
  public float activeShare(int feature) {
    return activeShare.real(feature);
  }

  /**
   * The features whose decoder rows have the largest cosines with its own; -1 where there is none.
   */
  public int[] similar(int feature) {
    return similar.wholes(feature);
  }

  /** The cosines of {@link #similar}, descending. */
  public float[] similarCosine(int feature) {
    return similarCosine.reals(feature);
  }

  /** Whether it fired on none of the last tokens, as many as the manifest's window. */
  public boolean dead(int feature) {
    return dead.flag(feature);
  }

  /** The L2 norm of its decoder row by hook point; empty if the dictionary writes one. */
  public float[] siteDecoderNorm(int feature) {
    return table.has("site_decoder_norm")
        ? table.column("site_decoder_norm").reals(feature)
        : new float[0];
  }

  /**
   * A column of single numbers in single precision, of all features: {@code density}, {@code mean},
   * {@code max}, {@code encoder_norm}, {@code decoder_norm}, {@code cosine} or {@code
   * active_share}; NaN where one is missing.
   */
  public float[] all(String column) {
    return table.column(column).allReals();
  }
}
