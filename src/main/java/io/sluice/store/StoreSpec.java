package io.sluice.store;

import io.sluice.store.files.Column;
import io.sluice.store.files.Manifest;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * What a new activation store will hold and how it is written.
 *
 * @param model name of the model whose activations these are
 * @param text name of the text that went through it
 * @param columns the hook points; the token columns are implicit
 * @param rowsPerShard rows in each file but the last, at least 1; the writer keeps one shard in
 *     memory
 * @param nonFinite what to do with NaN and infinity
 * @param replace whether a store that is already in the folder may be deleted
 * @param properties further texts about the origin: checksums, layers, settings
 */
public record StoreSpec(
    String model,
    String text,
    List<Column> columns,
    int rowsPerShard,
    NonFinite nonFinite,
    boolean replace,
    Map<String, String> properties) {
  private static final long DEFAULT_SHARD_BYTES = 128L << 20;

  /**
   * Checks the parts and copies the collections.
   *
   * @throws IllegalArgumentException if there is no column, a name comes twice or is that of a
   *     token column, or {@code rowsPerShard < 1}
   */
  public StoreSpec {
    Objects.requireNonNull(model, "model");
    Objects.requireNonNull(text, "text");
    Objects.requireNonNull(nonFinite, "nonFinite");
    columns = List.copyOf(columns);
    properties = Collections.unmodifiableMap(new LinkedHashMap<>(properties));
    if (columns.isEmpty()) {
      throw new IllegalArgumentException("a store needs at least one column");
    }
    Set<String> names = new HashSet<>();
    for (Column column : columns) {
      if (column.isTokenColumn()) {
        throw new IllegalArgumentException(
            "column '" + column.name() + "' is in every store; name hook points only");
      }
      if (!names.add(column.name())) {
        throw new IllegalArgumentException("column '" + column.name() + "' is named twice");
      }
    }
    if (rowsPerShard < 1) {
      throw new IllegalArgumentException(
          "rowsPerShard is " + rowsPerShard + ", must be at least 1");
    }
  }

  /** A store of these columns with shards of about 128 MiB, which rejects NaN and infinity. */
  public static StoreSpec of(String model, String text, List<Column> columns) {
    return new StoreSpec(
        model, text, columns, defaultRows(columns), NonFinite.REJECT, false, Map.of());
  }

  /** The same with another number of rows per file. */
  public StoreSpec withRowsPerShard(int rows) {
    return new StoreSpec(model, text, columns, rows, nonFinite, replace, properties);
  }

  /** The same with another treatment of NaN and infinity. */
  public StoreSpec withNonFinite(NonFinite treatment) {
    return new StoreSpec(model, text, columns, rowsPerShard, treatment, replace, properties);
  }

  /** The same, but a store that is already in the folder is deleted first. */
  public StoreSpec replacing() {
    return new StoreSpec(model, text, columns, rowsPerShard, nonFinite, true, properties);
  }

  /** The same with one more property. */
  public StoreSpec with(String property, String value) {
    Map<String, String> more = new LinkedHashMap<>(properties);
    more.put(property, value);
    return new StoreSpec(model, text, columns, rowsPerShard, nonFinite, replace, more);
  }

  private static int defaultRows(List<Column> columns) {
    long bytes = 12;
    for (Column column : columns) {
      bytes += column.bytesPerRow();
    }
    // Two shards are in memory outside the heap, which Java limits to the size of the heap.
    long shard = Math.min(DEFAULT_SHARD_BYTES, Runtime.getRuntime().maxMemory() / 4);
    long rows = Math.max(1, Long.highestOneBit(Math.max(1, shard / bytes)));
    return (int) Math.min(1 << 20, rows);
  }

  /**
   * The manifest of such a store without rows.
   *
   * @param created when it was begun
   */
  Manifest manifest(String created) {
    return new Manifest(
        model,
        text,
        columns,
        rowsPerShard,
        0,
        false,
        List.of(),
        Map.of(),
        properties,
        writerVersions(),
        created);
  }

  private static String writerVersions() {
    String version = StoreSpec.class.getPackage().getImplementationVersion();
    return "sluice "
        + (version == null ? "(unpackaged)" : version)
        + ", Java "
        + System.getProperty("java.version")
        + ", Arrow metadata V5";
  }
}
