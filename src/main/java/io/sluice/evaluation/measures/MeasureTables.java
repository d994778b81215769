package io.sluice.evaluation.measures;

import io.sluice.store.tables.ColumnBuffer;
import io.sluice.store.tables.TableColumn;
import io.sluice.store.tables.TableColumn.Element;
import io.sluice.store.tables.TableWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The tables beside the JSON of an evaluation: a row per feature, and a row per position. Both are
 * Arrow files.
 */
public final class MeasureTables {
  private static final int ROWS_PER_BATCH = 65_536;

  /** Goes before the columns of tokens that were trained on, beside those that were held out. */
  private static final String TRAINED = "trained_";

  private MeasureTables() {}

  /** The table of features beside a JSON file: {@code evaluation.features.arrow}. */
  public static Path features(Path json) {
    return beside(json, ".features.arrow");
  }

  /** The table of positions beside a JSON file: {@code evaluation.positions.arrow}. */
  public static Path positions(Path json) {
    return beside(json, ".positions.arrow");
  }

  private static Path beside(Path json, String ending) {
    String name = json.getFileName().toString();
    String stem = name.endsWith(".json") ? name.substring(0, name.length() - 5) : name;
    return json.resolveSibling(stem + ending);
  }

  /**
   * Writes the table of features.
   *
   * @param counts of the tokens that were measured
   * @param trained of those that were trained on; null if they are not measured beside
   */
  public static void write(Path file, FeatureCounts counts, FeatureCounts trained)
      throws IOException {
    List<TableColumn> columns = new ArrayList<>(featureColumns(""));
    if (trained != null) {
      columns.addAll(featureColumns(TRAINED));
    }
    TableWriter.write(
        file,
        columns,
        trained == null
            ? Map.of("tokens", String.valueOf(counts.tokens()))
            : Map.of(
                "tokens",
                String.valueOf(counts.tokens()),
                TRAINED + "tokens",
                String.valueOf(trained.tokens())),
        ROWS_PER_BATCH,
        table -> {
          ColumnBuffer[] own = featureBuffers(table, "");
          ColumnBuffer[] other = trained == null ? null : featureBuffers(table, TRAINED);
          for (int feature = 0; feature < counts.features(); feature++) {
            put(own, counts, feature);
            if (other != null) {
              put(other, trained, feature);
            }
            table.endRow();
          }
        });
  }

  private static List<TableColumn> featureColumns(String prefix) {
    return List.of(
        TableColumn.of(prefix + "fired", Element.INT64),
        TableColumn.of(prefix + "density", Element.FLOAT32),
        TableColumn.of(prefix + "contexts", Element.INT64),
        TableColumn.nullable(prefix + "fired_per_context", Element.FLOAT32));
  }

  private static ColumnBuffer[] featureBuffers(TableWriter table, String prefix) {
    return featureColumns(prefix).stream()
        .map(column -> table.column(column.name()))
        .toArray(ColumnBuffer[]::new);
  }

  private static void put(ColumnBuffer[] buffers, FeatureCounts counts, int feature) {
    long fired = counts.fired()[feature];
    int contexts = counts.contexts(feature);
    buffers[0].put(fired);
    buffers[1].put((float) counts.density(feature));
    buffers[2].put((long) contexts);
    if (contexts == 0) {
      buffers[3].putNull();
    } else {
      buffers[3].put((float) fired / contexts);
    }
  }

  /**
   * Writes the table of positions, from position 0 on.
   *
   * @param measured of the tokens that were measured
   * @param trained of those that were trained on; null if they are not measured beside
   * @param model the effect on a model; null if it was not measured
   */
  public static void write(
      Path file, PositionMeasures measured, PositionMeasures trained, PositionMeasures model)
      throws IOException {
    List<PositionMeasures.Column> all = new ArrayList<>(measured.columns());
    if (trained != null) {
      for (PositionMeasures.Column column : trained.columns()) {
        all.add(
            new PositionMeasures.Column(TRAINED + column.name(), column.values(), column.whole()));
      }
    }
    if (model != null) {
      all.addAll(model.columns());
    }
    int rows = all.stream().mapToInt(column -> column.values().length).max().orElse(0);
    List<TableColumn> columns = new ArrayList<>();
    columns.add(TableColumn.of("position", Element.INT32));
    for (PositionMeasures.Column column : all) {
      columns.add(
          column.whole()
              ? TableColumn.of(column.name(), Element.INT64)
              : TableColumn.nullable(column.name(), Element.FLOAT32));
    }
    TableWriter.write(
        file,
        columns,
        ROWS_PER_BATCH,
        table -> {
          for (int position = 0; position < rows; position++) {
            table.column("position").put(position);
            for (PositionMeasures.Column column : all) {
              put(table.column(column.name()), column, position);
            }
            table.endRow();
          }
        });
  }

  private static void put(ColumnBuffer buffer, PositionMeasures.Column column, int position) {
    double value = position < column.values().length ? column.values()[position] : Double.NaN;
    if (column.whole()) {
      buffer.put(Double.isNaN(value) ? 0L : (long) value);
    } else if (Double.isFinite(value)) {
      buffer.put((float) value);
    } else {
      buffer.putNull();
    }
  }
}
