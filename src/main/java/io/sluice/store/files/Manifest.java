package io.sluice.store.files;

import io.sluice.files.Quoted;
import io.sluice.store.ActivationStore;
import io.sluice.store.tables.TableFile;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The contents of {@code .manifest.json}.
 *
 * @param model name of the model whose activations these are; empty if nothing names it
 * @param text name of the text that went through it, or of the folder if nothing names it
 * @param columns the hook points, in the order of the files; the token columns are not listed
 * @param rowsPerShard rows in every shard but the last; 0 if files have any number of rows, as
 *     those of other writers may
 * @param rows rows in all shards together: the tokens captured
 * @param complete whether the writer finished; a store whose writer was stopped is usable but short
 * @param shards the finished files, in order
 * @param tables the files of texts beside the shards, by name; empty in stores without them
 * @param properties further texts about the origin
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
    Map<String, TableFile> tables,
    Map<String, String> properties,
    String writer,
    String created) {
  /**
   * The property with the first position of a context whose activations are on the common scale; a
   * whole number.
   */
  public static final String FIRST_POSITION = "firstPosition";

  /** The property that records whether a beginning-of-text token came before each text. */
  public static final String PREPEND_BOS = "prependBos";

  /** The property with the rows that the store has when its capture is complete; a whole number. */
  public static final String PLANNED_ROWS = "plannedRows";

  private static final Pattern FIRST = Pattern.compile("[0-9]{1,9}");

  /**
   * Keys of the metadata of an Arrow file's schema that say, where there is no manifest, what a
   * manifest would: the names of the model and of the text, and the properties.
   */
  static final List<String> SCHEMA_KEYS =
      List.of(
          "sluice.model",
          "sluice.text",
          "sluice." + FIRST_POSITION,
          "sluice." + PREPEND_BOS,
          ShardFrame.FORMAT_KEY);

  /** The format's name and version, which a manifest starts with. */
  public static final String FORMAT = "sluice.store/1";

  /** The file of the texts of tokens. */
  public static final String TOKENS = ".tokens.ipc";

  /** The file of the names of documents. */
  public static final String DOCUMENTS = ".documents.ipc";

  /**
   * The files of texts that a store may have beside its shards. Like the manifest they begin with a
   * dot, and end otherwise than shards, so that programs which read all Arrow files of a folder
   * leave them out.
   */
  public static final List<String> TABLES = List.of(TOKENS, DOCUMENTS);

  /** Their names where they are in sight, as in earlier versions and in folders of others. */
  static final List<String> VISIBLE_TABLES = List.of("tokens.arrow", "documents.arrow");

  /** The name of the file that holds the manifest. */
  public static final String FILE_NAME = ".manifest.json";

  /** Its name where it is in sight, as in earlier versions and in folders of others. */
  public static final String VISIBLE_FILE_NAME = "manifest.json";

  /**
   * One finished file.
   *
   * @param file name within the store's folder
   * @param rows rows in it
   * @param bytes its length
   * @param crc32c CRC-32C of all its bytes; null if no writer computed it
   */
  public record Shard(String file, int rows, long bytes, Integer crc32c) implements Serializable {}

  /** Copies the collections. */
  public Manifest {
    columns = List.copyOf(columns);
    shards = List.copyOf(shards);
    tables = Collections.unmodifiableMap(new LinkedHashMap<>(tables));
    properties = Collections.unmodifiableMap(new LinkedHashMap<>(properties));
  }

  /** Whether all files are such as Sluice writes: full but for the last, named and checksummed. */
  public boolean isSluices() {
    for (int i = 0; i < shards.size(); i++) {
      Shard shard = shards.get(i);
      if (!shard.file().equals(shardName(i)) || shard.crc32c() == null) {
        return false;
      }
    }
    return rowsPerShard > 0;
  }

  /** See {@link ActivationStore#firstPosition}. */
  public int firstPosition() {
    String said = properties.get(FIRST_POSITION);
    if (said != null && FIRST.matcher(said).matches()) {
      return Integer.parseInt(said);
    }
    // Stores that were captured before the property existed.
    return Boolean.parseBoolean(properties.get("causal")) ? 1 : 0;
  }

  /**
   * Refuses a property that would otherwise be read as if it were not there.
   *
   * @param file the manifest, or the file whose schema says it
   * @param prefix what comes before the name of the property there
   */
  static void requireProperty(Path file, String prefix, String key, String value)
      throws IOException {
    String wanted =
        switch (key) {
          case FIRST_POSITION -> FIRST.matcher(value).matches() ? null : "a number from 0";
          case PREPEND_BOS ->
              value.equals("true") || value.equals("false") ? null : "true or false";
          default -> null;
        };
    if (wanted != null) {
      throw new IOException(
          file
              + ": "
              + prefix
              + key
              + " is "
              + Quoted.of(value)
              + "; write "
              + wanted
              + ", or leave it out");
    }
  }

  /**
   * Whether the model read a beginning-of-text token before each text; empty if the store does not
   * record it.
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
        tables,
        properties,
        writer,
        created);
  }

  /** The rows that the store was begun for; those that it has if it does not record that. */
  public long plannedRows() {
    String said = properties.get(PLANNED_ROWS);
    return !complete && said != null && said.matches("\\d{1,18}")
        ? Math.max(rows, Long.parseLong(said))
        : rows;
  }

  /** The same with one more file of texts. */
  public Manifest withTable(String file, TableFile table) {
    Map<String, TableFile> more = new LinkedHashMap<>(tables);
    more.put(file, table);
    return new Manifest(
        model,
        text,
        columns,
        rowsPerShard,
        rows,
        complete,
        shards,
        more,
        properties,
        writer,
        created);
  }

  /** Whether a file has the name of a manifest, or of a file of texts. */
  public static boolean isBesideShards(String name) {
    return name.equals(FILE_NAME)
        || name.equals(VISIBLE_FILE_NAME)
        || TABLES.contains(name)
        || VISIBLE_TABLES.contains(name);
  }

  /** The name of the {@code index}-th shard. */
  public static String shardName(int index) {
    return String.format(Locale.ROOT, "shard-%05d.arrow", index);
  }
}
