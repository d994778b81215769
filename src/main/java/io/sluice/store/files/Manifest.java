package io.sluice.store.files;

import io.sluice.store.ActivationStore;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * What {@code manifest.json} says about a store.
 *
 * @param model name of the model whose activations these are
 * @param text name of the text that went through it
 * @param columns the hook points, in the order of the files; the token columns are not listed
 * @param rowsPerShard rows in every shard but the last
 * @param rows rows in all shards together: the tokens captured
 * @param complete whether the writer finished; a store whose writer was stopped is usable but short
 * @param shards the finished files, in order
 * @param properties what else the writer was told about the origin
 * @param writer program and versions that wrote the store
 * @param created when the store was begun, ISO 8601 in UTC
 */
public record Manifest(
    String model,
    String text,
    List<Column> columns,
    int rowsPerShard,
    long rows,
    boolean complete,
    List<Shard> shards,
    Map<String, String> properties,
    String writer,
    String created) {
  /**
   * The property that says from which position of a context on activations are like the others'; a
   * whole number.
   */
  public static final String FIRST_POSITION = "firstPosition";

  /** The property that says whether a token of the beginning stood before each text. */
  public static final String PREPEND_BOS = "prependBos";

  /** The format's name and version, which a manifest starts with. */
  public static final String FORMAT = "sluice.store/1";

  /** The name of the file that holds the manifest. */
  public static final String FILE_NAME = "manifest.json";

  /**
   * One finished file.
   *
   * @param file name within the store's folder
   * @param rows rows in it
   * @param bytes its length
   * @param crc32c CRC-32C of all its bytes
   */
  public record Shard(String file, int rows, long bytes, int crc32c) {}

  /** Copies the collections. */
  public Manifest {
    columns = List.copyOf(columns);
    shards = List.copyOf(shards);
    properties = Collections.unmodifiableMap(new LinkedHashMap<>(properties));
  }

  /** See {@link ActivationStore#firstPosition}. */
  public int firstPosition() {
    String said = properties.get(FIRST_POSITION);
    if (said != null && said.matches("\\d{1,9}")) {
      return Integer.parseInt(said);
    }
    // What stores say that were captured before they named the position.
    return Boolean.parseBoolean(properties.get("causal")) ? 1 : 0;
  }

  /**
   * Whether the model read a token of the beginning before each text; empty where the store does
   * not say so.
   */
  public Optional<Boolean> prependBos() {
    return switch (properties.get(PREPEND_BOS)) {
      case "true" -> Optional.of(true);
      case "false" -> Optional.of(false);
      case null, default -> Optional.empty();
    };
  }

  public Manifest withShards(List<Shard> finished, boolean isComplete) {
    long total = 0;
    for (Shard shard : finished) {
      total += shard.rows();
    }
    return new Manifest(
        model,
        text,
        columns,
        rowsPerShard,
        total,
        isComplete,
        finished,
        properties,
        writer,
        created);
  }

  /** The name of the {@code index}-th shard. */
  public static String shardName(int index) {
    return String.format(Locale.ROOT, "shard-%05d.arrow", index);
  }
}
