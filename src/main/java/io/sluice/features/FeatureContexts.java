package io.sluice.features;

import io.sluice.store.tables.Cells;
import io.sluice.store.tables.Table;
import io.sluice.store.tables.TableColumn;
import io.sluice.store.tables.TableColumn.Element;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * {@code contexts.arrow}: the contexts of all features, sorted by feature, kind and rank, and
 * {@code contexts_index.arrow}, which says where the contexts of each feature begin. Both are
 * mapped.
 */
public final class FeatureContexts {
  /** The name of the contexts' file. */
  public static final String FILE_NAME = "contexts.arrow";

  /** The name of the file that says where each feature begins. */
  public static final String INDEX_NAME = "contexts_index.arrow";

  /** The kind of a feature's largest activations. */
  public static final int TOP = 0;

  /** Rows of a record batch. */
  static final int ROWS_PER_BATCH = 1 << 16;

  static final List<TableColumn> COLUMNS =
      List.of(
          TableColumn.of("feature", Element.INT32),
          TableColumn.of("kind", Element.UINT8),
          TableColumn.of("rank", Element.INT32),
          TableColumn.of("row", Element.INT64),
          TableColumn.of("document", Element.INT32),
          TableColumn.of("position", Element.INT32),
          TableColumn.of("activation", Element.FLOAT32),
          TableColumn.of("first", Element.INT32),
          TableColumn.list("tokens", Element.INT32),
          TableColumn.list("activations", Element.FLOAT32));

  static final List<TableColumn> INDEX_COLUMNS = List.of(TableColumn.of("first", Element.INT64));

  private final Table contexts;
  private final Cells index;
  private final int features;

  private FeatureContexts(Table contexts, Cells index, int features) {
    this.contexts = contexts;
    this.index = index;
    this.features = features;
  }

  /**
   * Opens the two files of a folder.
   *
   * @throws IOException if one is missing or damaged, or they do not fit together
   */
  public static FeatureContexts open(Path folder, int features) throws IOException {
    Table contexts = Table.open(folder.resolve(FILE_NAME), COLUMNS, ManifestJson.REMEDY);
    Path indexFile = folder.resolve(INDEX_NAME);
    Table index = Table.open(indexFile, INDEX_COLUMNS, ManifestJson.REMEDY);
    Cells first = index.column("first");
    if (index.rows() != features + 1L
        || first.whole(0) != 0
        || first.whole(features) != contexts.rows()) {
      throw new IOException(
          "%s: does not fit %s, which has %d rows, and %d features; %s"
              .formatted(indexFile, FILE_NAME, contexts.rows(), features, ManifestJson.REMEDY));
    }
    return new FeatureContexts(contexts, first, features);
  }

  /** The number of contexts of all features. */
  public long count() {
    return contexts.rows();
  }

  /** The index of a feature's first context; that of the last feature's end for all features. */
  public long first(int feature) {
    long first = index.whole(feature);
    if (first < 0 || first > count()) {
      throw damaged(
          "the contexts of feature %d would begin at %d of %d".formatted(feature, first, count()));
    }
    return first;
  }

  /** All contexts of a feature: the largest activations, then lower quantiles. */
  public List<FeatureContext> of(int feature) {
    if (feature < 0 || feature >= features) {
      throw new IllegalArgumentException(
          "there is no feature %d; there are %d, from 0".formatted(feature, features));
    }
    long from = first(feature);
    long to = first(feature + 1);
    if (from > to || to - from > Integer.MAX_VALUE) {
      throw damaged(
          "the contexts of feature %d would be %d to %d of %d"
              .formatted(feature, from, to, count()));
    }
    List<FeatureContext> all = new ArrayList<>((int) (to - from));
    for (long i = from; i < to; i++) {
      all.add(at(i));
    }
    return all;
  }

  /** The contexts of a feature of one kind, by rank. */
  public List<FeatureContext> of(int feature, int kind) {
    return of(feature).stream().filter(context -> context.kind() == kind).toList();
  }

  /** The kind of the context at an index of the file. */
  int kind(long at) {
    return (int) contexts.column("kind").whole(at);
  }

  /** The tokens of the context at an index of the file. */
  int[] tokens(long at) {
    return contexts.column("tokens").wholes(at);
  }

  /** The activation at each token of the context at an index of the file. */
  float[] activations(long at) {
    return contexts.column("activations").reals(at);
  }

  /** The context at an index of the file. */
  public FeatureContext at(long at) {
    FeatureContext context = read(at);
    int length = context.tokens().length;
    if (length != context.activations().length || context.at() < 0 || context.at() >= length) {
      throw damaged(
          "context %d has %d tokens and %d activations, and its feature fires at token %d"
              .formatted(at, length, context.activations().length, context.at()));
    }
    return context;
  }

  private FeatureContext read(long at) {
    return new FeatureContext(
        (int) contexts.column("feature").whole(at),
        (int) contexts.column("kind").whole(at),
        (int) contexts.column("rank").whole(at),
        contexts.column("row").whole(at),
        (int) contexts.column("document").whole(at),
        (int) contexts.column("position").whole(at),
        contexts.column("activation").real(at),
        (int) contexts.column("first").whole(at),
        contexts.column("tokens").wholes(at),
        contexts.column("activations").reals(at));
  }

  private UncheckedIOException damaged(String what) {
    return new UncheckedIOException(
        new IOException(
            "%s: damaged: %s; %s".formatted(contexts.file(), what, ManifestJson.REMEDY)));
  }
}
