package io.sluice.store.files;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.AtomicFile;
import io.sluice.files.Quoted;
import io.sluice.files.RegularFile;
import io.sluice.files.StrictJson;
import io.sluice.memory.DType;
import io.sluice.store.tables.TableFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.zip.CRC32C;

/** Reads and writes {@code .manifest.json}; every value is checked before it is used. */
public final class ManifestFile {
  private static final JsonMapper JSON = StrictJson.mapper(StreamReadConstraints.defaults());
  private static final long MAX_BYTES = 256L << 20;
  private static final String CHECKSUM = "crc32c:";
  private static final String OWN_CHECKSUM = "checksum";

  private final Path path;

  private ManifestFile(Path path) {
    this.path = path;
  }

  /** Replaces the manifest of the store in {@code folder} atomically. */
  public static void write(Path folder, Manifest manifest) throws IOException {
    ObjectNode root = JSON.createObjectNode();
    root.put("format", Manifest.FORMAT);
    root.put("model", manifest.model());
    root.put("text", manifest.text());
    root.put("rows", manifest.rows());
    root.put("complete", manifest.complete());
    root.put("rowsPerShard", manifest.rowsPerShard());
    ArrayNode columns = root.putArray("columns");
    for (Column column : manifest.columns()) {
      columns
          .addObject()
          .put("name", column.name())
          .put("width", column.width())
          .put("dtype", column.dtype().label());
    }
    ArrayNode shards = root.putArray("shards");
    for (Manifest.Shard shard : manifest.shards()) {
      ObjectNode entry =
          shards
              .addObject()
              .put("file", shard.file())
              .put("rows", shard.rows())
              .put("bytes", shard.bytes());
      if (shard.crc32c() != null) {
        entry.put("checksum", CHECKSUM + String.format(Locale.ROOT, "%08x", shard.crc32c()));
      }
    }
    if (!manifest.tables().isEmpty()) {
      ObjectNode tables = root.putObject("tables");
      manifest
          .tables()
          .forEach(
              (name, table) ->
                  tables
                      .putObject(name)
                      .put("rows", table.rows())
                      .put("bytes", table.bytes())
                      .put("sha256", table.sha256()));
    }
    ObjectNode properties = root.putObject("properties");
    manifest.properties().forEach(properties::put);
    root.put("writer", manifest.writer());
    root.put("created", manifest.created());
    root.put(OWN_CHECKSUM, ownChecksum(root));
    byte[] bytes = JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(root);
    AtomicFile.write(of(folder), bytes);
  }

  /**
   * The manifest of the store in {@code folder}: {@code manifest.json} if it has one of that name
   * alone, otherwise {@code .manifest.json}, which need not be there.
   */
  public static Path of(Path folder) {
    Path hidden = folder.resolve(Manifest.FILE_NAME);
    Path visible = folder.resolve(Manifest.VISIBLE_FILE_NAME);
    return !Files.exists(hidden) && Files.exists(visible) ? visible : hidden;
  }

  /**
   * Reads the manifest of the store in {@code folder}.
   *
   * @throws IOException if it is missing, unreadable, of another format or contradicts itself
   */
  public static Manifest read(Path folder) throws IOException {
    StoreReplacement.repair(folder);
    if (!Files.exists(folder) && folder.getName(0).toString().matches("[a-zA-Z][a-zA-Z0-9+.-]+:")) {
      // As a path an address has lost a slash.
      throw new IOException(
          folder
              + ": no such folder; only 'sluice-spark' reads stores at addresses such as"
              + " s3a://bucket/store, so run that, or copy the store into a folder and give its"
              + " path");
    }
    if (!Files.isDirectory(folder)) {
      throw new IOException(
          folder
              + (Files.exists(folder) ? ": not a folder" : ": no such folder")
              + "; an activation store is the folder that 'sluice capture --out' writes");
    }
    Path path = of(folder);
    if (!Files.isRegularFile(path)) {
      throw new IOException(
          folder
              + ": no "
              + Manifest.FILE_NAME
              + " and no Arrow file in it, so it is not an activation store; name the folder that"
              + " 'sluice capture --out' wrote, or one of .arrow files");
    }
    return new ManifestFile(path).parse();
  }

  private Manifest parse() throws IOException {
    long size = Files.size(path);
    if (size > MAX_BYTES) {
      throw damaged("is " + size + " bytes long, more than " + MAX_BYTES);
    }
    RegularFile.require(path);
    byte[] bytes = Files.readAllBytes(path);
    JsonNode root;
    try {
      root = JSON.readTree(StrictJson.text(bytes));
    } catch (JsonProcessingException e) {
      throw damaged("is not valid JSON (" + StrictJson.reason(e) + ")");
    }
    if (root == null || !root.isObject()) {
      throw damaged("does not hold a JSON object");
    }
    String format = text(root, "format");
    if (!format.equals(Manifest.FORMAT)) {
      throw new IOException(
          path
              + ": format is "
              + Quoted.of(format)
              + ", this version of Sluice reads '"
              + Manifest.FORMAT
              + "'; use the version that wrote the store or capture again");
    }
    int rowsPerShard =
        root.has("rowsPerShard") ? (int) integer(root, "rowsPerShard", 0, Integer.MAX_VALUE) : 0;
    List<Column> columns = columns(root);
    List<Manifest.Shard> shards = shards(root, rowsPerShard);
    Map<String, String> properties = new LinkedHashMap<>();
    JsonNode extra = root.path("properties");
    if (!extra.isObject() && !extra.isMissingNode()) {
      throw damaged("has no object 'properties'");
    }
    if (!root.path("complete").isBoolean()) {
      throw damaged("does not say whether it is 'complete', true or false");
    }
    for (Map.Entry<String, JsonNode> entry : extra.properties()) {
      if (!entry.getValue().isTextual()) {
        throw damaged("has no text " + Quoted.of("properties." + entry.getKey()));
      }
      Manifest.requireProperty(path, "", entry.getKey(), entry.getValue().textValue());
      properties.put(entry.getKey(), entry.getValue().textValue());
    }
    long rows = integer(root, "rows", 0, Long.MAX_VALUE);
    Manifest manifest =
        new Manifest(
                optionalText(root, "model"),
                root.has("text") ? text(root, "text") : PlainFolder.name(path.getParent()),
                columns,
                rowsPerShard,
                rows,
                false,
                shards,
                tables(root),
                properties,
                optionalText(root, "writer"),
                optionalText(root, "created"))
            .withShards(shards, root.path("complete").booleanValue());
    if (manifest.rows() != rows) {
      throw damaged("says " + rows + " rows, but its shards hold " + manifest.rows());
    }
    requireOwnChecksum((ObjectNode) root);
    return manifest;
  }

  /**
   * Detects changes that break no other rule; a manifest of another program may have no checksum.
   */
  private void requireOwnChecksum(ObjectNode root) throws IOException {
    JsonNode promised = root.remove(OWN_CHECKSUM);
    if (promised == null) {
      return;
    }
    String actual = ownChecksum(root);
    if (!promised.asText().equals(actual)) {
      throw damaged("has checksum " + actual + ", but says " + Quoted.of(promised.asText()));
    }
  }

  /** Over the values in their order, so that layout does not matter. */
  private static String ownChecksum(ObjectNode root) throws JsonProcessingException {
    CRC32C checksum = new CRC32C();
    checksum.update(JSON.writeValueAsBytes(root));
    return CHECKSUM + String.format(Locale.ROOT, "%08x", (int) checksum.getValue());
  }

  private List<Column> columns(JsonNode root) throws IOException {
    List<Column> columns = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (JsonNode node : array(root, "columns")) {
      String name = text(node, "name");
      int width = (int) integer(node, "width", 1, Column.MAX_WIDTH);
      Column column;
      try {
        column = new Column(name, width, DType.ofLabel(text(node, "dtype")));
      } catch (IllegalArgumentException e) {
        throw damaged("describes a column wrongly: " + Quoted.of(e.getMessage()));
      }
      if (column.isTokenColumn() || !names.add(name)) {
        throw damaged("lists column " + Quoted.of(name) + " twice");
      }
      columns.add(column);
    }
    if (columns.isEmpty()) {
      throw damaged("lists no columns");
    }
    return columns;
  }

  private Map<String, TableFile> tables(JsonNode root) throws IOException {
    Map<String, TableFile> tables = new LinkedHashMap<>();
    JsonNode listed = root.path("tables");
    if (!listed.isObject() && !listed.isMissingNode()) {
      throw damaged("has no object 'tables'");
    }
    for (Map.Entry<String, JsonNode> entry : listed.properties()) {
      // Names are fixed, so a manifest cannot lead out of the store's folder.
      if (!Manifest.TABLES.contains(entry.getKey())
          && !Manifest.VISIBLE_TABLES.contains(entry.getKey())) {
        throw damaged("lists the table " + Quoted.of(entry.getKey()));
      }
      JsonNode table = entry.getValue();
      tables.put(
          entry.getKey(),
          new TableFile(
              integer(table, "rows", 0, Integer.MAX_VALUE),
              integer(table, "bytes", 1, Long.MAX_VALUE),
              text(table, "sha256")));
    }
    return tables;
  }

  private List<Manifest.Shard> shards(JsonNode root, int rowsPerShard) throws IOException {
    List<Manifest.Shard> shards = new ArrayList<>();
    Set<String> files = new HashSet<>();
    JsonNode nodes = array(root, "shards");
    for (JsonNode node : nodes) {
      String file = text(node, "file");
      // A manifest cannot lead out of the store's folder.
      if (!PlainFolder.isShardName(file)) {
        throw damaged(
            "names shard "
                + Quoted.of(file)
                + " where the name of a file in its folder is expected, which ends in .arrow,"
                + " .feather or .ipc");
      }
      if (!files.add(file)) {
        throw damaged("lists shard " + Quoted.of(file) + " twice");
      }
      boolean last = shards.size() == nodes.size() - 1;
      int least = last || rowsPerShard == 0 ? 1 : rowsPerShard;
      int most = rowsPerShard == 0 ? Integer.MAX_VALUE : rowsPerShard;
      int rows = (int) integer(node, "rows", least, most);
      long bytes = integer(node, "bytes", 1, Long.MAX_VALUE);
      shards.add(new Manifest.Shard(file, rows, bytes, checksum(node)));
    }
    return shards;
  }

  /** The checksum of a shard; null if there is none. */
  private Integer checksum(JsonNode node) throws IOException {
    if (!node.has("checksum")) {
      return null;
    }
    String value = text(node, "checksum");
    try {
      if (value.length() == CHECKSUM.length() + 8 && value.startsWith(CHECKSUM)) {
        return Integer.parseUnsignedInt(value, CHECKSUM.length(), value.length(), 16);
      }
    } catch (NumberFormatException e) {
      throw damaged(
          "has checksum " + Quoted.of(value) + ", expected " + CHECKSUM + " and 8 hex digits");
    }
    throw damaged(
        "has checksum " + Quoted.of(value) + ", expected " + CHECKSUM + " and 8 hex digits");
  }

  private JsonNode array(JsonNode node, String field) throws IOException {
    JsonNode value = node.path(field);
    if (!value.isArray()) {
      throw damaged("has no list '" + field + "'");
    }
    return value;
  }

  private String optionalText(JsonNode node, String field) throws IOException {
    return node.has(field) ? text(node, field) : "";
  }

  private String text(JsonNode node, String field) throws IOException {
    JsonNode value = node.path(field);
    if (!value.isTextual()) {
      throw damaged("has no text " + Quoted.of(field));
    }
    return value.textValue();
  }

  private long integer(JsonNode node, String field, long least, long most) throws IOException {
    JsonNode value = node.path(field);
    if (!value.isIntegralNumber() || !value.canConvertToLong()) {
      throw damaged("has no whole number '" + field + "'");
    }
    if (value.longValue() < least || value.longValue() > most) {
      throw damaged("has '" + field + "' " + value.longValue() + ", not in " + least + ".." + most);
    }
    return value.longValue();
  }

  private IOException damaged(String what) {
    return new IOException(
        path + ": damaged manifest: it " + what + "; restore it or capture again");
  }
}
