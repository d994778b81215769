package io.sluice.features.compare;

import io.sluice.dictionary.matching.Matches;
import io.sluice.store.tables.ColumnBuffer;
import io.sluice.store.tables.Table;
import io.sluice.store.tables.TableColumn;
import io.sluice.store.tables.TableColumn.Element;
import io.sluice.store.tables.TableWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * The file of {@code sluice compare --matches}: for each feature of two dictionaries the features
 * of the other with the largest cosine of decoder rows, mapped. The first dictionary's features
 * come first, then the second's, both in order. Safe for use by several threads.
 */
public final class MatchFile {
  /** Matches that are kept of each feature. */
  public static final int MOST = 5;

  private static final String FORMAT = "sluice.matches/1";
  private static final String REMEDY = "run 'sluice compare' again";
  private static final int ROWS_PER_BATCH = 1 << 16;
  private static final List<TableColumn> COLUMNS =
      List.of(
          TableColumn.of("dictionary", Element.UINT8),
          TableColumn.of("feature", Element.INT32),
          TableColumn.fixedList("match", Element.INT32, MOST),
          TableColumn.fixedList("cosine", Element.FLOAT32, MOST),
          TableColumn.of("partner", Element.INT32));

  private final Table table;
  private final List<Side> sides;

  private MatchFile(Table table, List<Side> sides) {
    this.table = table;
    this.sides = sides;
  }

  /**
   * One of the two dictionaries.
   *
   * @param path where it was
   * @param sha256 of its weights, as {@code features.json} has it
   * @param features how many it has
   */
  public record Side(String path, String sha256, int features) {}

  /**
   * A feature of the other dictionary.
   *
   * @param feature its number
   * @param cosine of the two decoder rows
   * @param partner whether it is the partner in the one-to-one matching
   */
  public record Match(int feature, float cosine, boolean partner) {}

  /**
   * Writes the file atomically.
   *
   * @param first the dictionary whose features are the rows of {@code fromFirst}
   * @param pairs the assignment of {@code fromFirst}
   * @throws IOException if it cannot be written
   */
  static void write(
      Path file, Side first, Side second, Matches fromFirst, Matches fromSecond, Assignment pairs)
      throws IOException {
    int[] back = new int[second.features];
    Arrays.fill(back, -1);
    for (int row = 0; row < first.features; row++) {
      if (pairs.partner()[row] >= 0) {
        back[pairs.partner()[row]] = row;
      }
    }
    Map<String, String> notes = new LinkedHashMap<>();
    notes.put("format", FORMAT);
    note(notes, 0, first);
    note(notes, 1, second);
    TableWriter.write(
        file,
        COLUMNS,
        notes,
        ROWS_PER_BATCH,
        table -> {
          put(table, 0, fromFirst, pairs.partner());
          put(table, 1, fromSecond, back);
        });
  }

  private static void note(Map<String, String> notes, int which, Side side) {
    notes.put("path_" + which, side.path);
    notes.put("sha256_" + which, side.sha256);
    notes.put("features_" + which, String.valueOf(side.features));
  }

  private static void put(TableWriter table, int which, Matches matches, int[] partners)
      throws IOException {
    ColumnBuffer dictionary = table.column("dictionary");
    ColumnBuffer feature = table.column("feature");
    ColumnBuffer match = table.column("match");
    ColumnBuffer cosine = table.column("cosine");
    ColumnBuffer partner = table.column("partner");
    int[] features = new int[MOST];
    float[] cosines = new float[MOST];
    for (int row = 0; row < matches.rows(); row++) {
      Arrays.fill(features, -1);
      Arrays.fill(cosines, Float.NaN);
      int[] best = best(matches, row);
      for (int i = 0; i < best.length; i++) {
        features[i] = matches.candidates()[best[i]];
        cosines[i] = Math.min(1, matches.scores()[best[i]]);
      }
      dictionary.put(which);
      feature.put(row);
      match.put(features);
      cosine.put(cosines);
      partner.put(partners[row]);
      table.endRow();
    }
  }

  /** The entries of the largest scores of a row; of equal ones those of the lower feature. */
  private static int[] best(Matches matches, int row) {
    int start = row * matches.most();
    return IntStream.range(start, start + matches.counts()[row])
        .boxed()
        .sorted(
            Comparator.comparing((Integer at) -> -matches.scores()[at])
                .thenComparing(at -> matches.candidates()[at]))
        .limit(MOST)
        .mapToInt(Integer::intValue)
        .toArray();
  }

  /**
   * Opens a file.
   *
   * @throws IOException if it is missing, is another file or is damaged; one line that names it
   */
  public static MatchFile open(Path file) throws IOException {
    Table table = Table.open(file, COLUMNS, REMEDY);
    if (!FORMAT.equals(table.notes().get("format"))) {
      throw new IOException(file + ": is no file of 'sluice compare --matches'; " + REMEDY);
    }
    List<Side> sides = List.of(side(table, 0), side(table, 1));
    long rows = (long) sides.get(0).features + sides.get(1).features;
    if (table.rows() != rows) {
      throw new IOException(
          "%s: damaged: has %d rows, but the dictionaries have %d features; %s"
              .formatted(file, table.rows(), rows, REMEDY));
    }
    return new MatchFile(table, sides);
  }

  private static Side side(Table table, int which) throws IOException {
    String path = table.notes().get("path_" + which);
    String sha256 = table.notes().get("sha256_" + which);
    String features = table.notes().get("features_" + which);
    if (path == null || sha256 == null || features == null || !features.matches("\\d{1,9}")) {
      throw new IOException(
          table.file() + ": damaged: does not say which dictionaries were compared; " + REMEDY);
    }
    return new Side(path, sha256, Integer.parseInt(features));
  }

  /** The file. */
  public Path file() {
    return table.file();
  }

  /** The first dictionary (0) or the second (1). */
  public Side side(int which) {
    return sides.get(which);
  }

  /**
   * The most similar features of the other dictionary, by descending cosine.
   *
   * @param which the dictionary that the feature is of, 0 or 1
   * @throws UncheckedIOException if the file is damaged there
   * @throws IndexOutOfBoundsException if there is no such feature
   */
  public List<Match> of(int which, int feature) {
    long row = (which == 0 ? 0L : sides.get(0).features) + feature;
    int others = sides.get(1 - which).features;
    int[] features = table.column("match").wholes(row);
    float[] cosines = table.column("cosine").reals(row);
    long partner = table.column("partner").whole(row);
    List<Match> matches = new ArrayList<>();
    for (int i = 0; i < features.length && features[i] != -1; i++) {
      if (features[i] < 0 || features[i] >= others) {
        throw new UncheckedIOException(
            new IOException(
                "%s: damaged: row %d names feature %d of %d; %s"
                    .formatted(table.file(), row, features[i], others, REMEDY)));
      }
      matches.add(new Match(features[i], cosines[i], features[i] == partner));
    }
    return matches;
  }
}
