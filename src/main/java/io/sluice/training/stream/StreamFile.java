package io.sluice.training.stream;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.AtomicFile;
import io.sluice.files.Fields;
import io.sluice.store.ActivationStore;
import io.sluice.store.files.Column;
import io.sluice.training.CheckpointDictionary;
import io.sluice.training.Settings;
import io.sluice.training.config.TrainingConfig;
import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * {@code stream.json} of a folder in which a model is trained on while it runs: how its activations
 * are captured, and the runs.
 *
 * @param options how the model, the texts and the buffer were given, as words of a command line
 * @param engine kind and device of the engines, for instance {@code auto cpu}
 * @param hooks the hook points that are captured
 * @param rows all rows
 * @param rowsPerShard of the buffer's shards
 * @param shardsPerWindow of its windows
 * @param tokens a checksum of all tokens
 * @param created when it was begun, ISO 8601 in UTC
 * @param runs what is trained; none if that is the cells of a sweep
 * @param windows checksums of the windows that were captured so far
 */
public record StreamFile(
    List<String> options,
    String engine,
    List<String> hooks,
    long rows,
    int rowsPerShard,
    int shardsPerWindow,
    int tokens,
    String created,
    List<StreamRun> runs,
    List<Integer> windows) {
  /** The file's name. */
  public static final String NAME = "stream.json";

  private static final String FORMAT = "sluice.stream/1";
  private static final String REMEDY = "restore it, or start a new run in another folder";
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Copies the lists. */
  public StreamFile {
    options = List.copyOf(options);
    hooks = List.copyOf(hooks);
    runs = List.copyOf(runs);
    windows = List.copyOf(windows);
  }

  /** Whether a folder has one. */
  public static boolean isIn(Path folder) {
    return Files.exists(folder.resolve(NAME));
  }

  /** Deletes a folder that was made for a stream that did not begin. */
  static void deleteIfEmpty(Path folder) throws IOException {
    try {
      Files.deleteIfExists(folder);
    } catch (DirectoryNotEmptyException e) {
      // Another process uses it.
    }
  }

  /** The file of what begins now. */
  static StreamFile of(StreamPlan plan, List<String> options, String engine, List<StreamRun> runs) {
    return new StreamFile(
        options,
        engine,
        hooks(plan),
        plan.capture().rows(),
        plan.size().rowsPerShard(),
        plan.size().shardsPerWindow(),
        plan.checksum(),
        Instant.now().truncatedTo(ChronoUnit.MILLIS).toString(),
        runs,
        List.of());
  }

  private static List<String> hooks(StreamPlan plan) {
    return plan.capture().storeSpec().columns().stream().map(Column::name).toList();
  }

  /**
   * Refuses texts or a model that are not what they were.
   *
   * @param plan made from what this file says
   * @param folder its folder
   */
  void requireFit(StreamPlan plan, Path folder) throws IOException {
    if (plan.capture().rows() != rows
        || plan.checksum() != tokens
        || plan.size().rowsPerShard() != rowsPerShard
        || plan.size().shardsPerWindow() != shardsPerWindow
        || !hooks(plan).equals(hooks)) {
      throw new IOException(
          folder.resolve(NAME)
              + ": the texts, the tokenizer or the model are not those that the run was begun with;"
              + " restore them, or start a new run in another folder");
    }
  }

  StreamFile withWindow(int checksum) {
    List<Integer> more = new ArrayList<>(windows);
    more.add(checksum);
    return new StreamFile(
        options, engine, hooks, rows, rowsPerShard, shardsPerWindow, tokens, created, runs, more);
  }

  /**
   * Writes what a run trains on into its settings.
   *
   * @param columns has the hook points; need not have rows
   */
  void describe(ObjectNode settings, StreamPlan plan, ActivationStore columns) {
    settings.put("stream", NAME);
    settings.put("storeRows", rows);
    settings.put("storeCreated", created);
    settings.put("rowsPerWindow", plan.rowsPerWindow());
    settings.remove("store");
    ObjectNode widths = settings.putObject(CheckpointDictionary.WIDTHS);
    columns.columns().forEach(column -> widths.put(column.name(), column.width()));
  }

  void write(Path folder, ActivationStore first) throws IOException {
    ObjectNode json = JSON.createObjectNode();
    json.put("format", FORMAT);
    options.forEach(json.putArray("options")::add);
    json.put("engine", engine);
    hooks.forEach(json.putArray("hooks")::add);
    json.put("rows", rows);
    json.put("rowsPerShard", rowsPerShard);
    json.put("shardsPerWindow", shardsPerWindow);
    json.put("tokens", hex(tokens));
    json.put("created", created);
    ArrayNode list = json.putArray("runs");
    for (StreamRun run : runs) {
      ObjectNode one = list.addObject();
      one.put("folder", run.folder());
      one.put("name", run.name());
      one.set("config", Settings.write(run.config(), first, engine));
    }
    windows.forEach(window -> json.withArray("windows").add(hex(window)));
    AtomicFile.write(
        folder.resolve(NAME), JSON.writerWithDefaultPrettyPrinter().writeValueAsString(json));
  }

  /**
   * Reads the file of a folder.
   *
   * @throws IOException if it is damaged; the message names it
   */
  public static StreamFile read(Path folder) throws IOException {
    Fields json = Fields.read(folder.resolve(NAME), FORMAT, REMEDY);
    List<StreamRun> runs = new ArrayList<>();
    for (Fields run : json.objects("runs")) {
      String own = run.text("folder");
      if (!own.matches("\\.|[A-Za-z0-9_][A-Za-z0-9_.+-]*")) {
        throw run.damaged("its folder is '" + own + "', no name of a folder");
      }
      TrainingConfig config = Settings.read(run.object("config"));
      runs.add(new StreamRun(config, run.text("name"), own));
    }
    List<Integer> windows = new ArrayList<>();
    for (String window : json.has("windows") ? json.texts("windows") : List.<String>of()) {
      windows.add(ofHex(window, json));
    }
    return new StreamFile(
        json.texts("options"),
        json.text("engine"),
        json.texts("hooks"),
        json.whole("rows", 1, Long.MAX_VALUE),
        json.integer("rowsPerShard", 1, Integer.MAX_VALUE),
        json.integer("shardsPerWindow", 1, Integer.MAX_VALUE),
        ofHex(json.text("tokens"), json),
        json.text("created"),
        runs,
        windows);
  }

  private static String hex(int checksum) {
    return String.format(Locale.ROOT, "%08x", checksum);
  }

  private static int ofHex(String text, Fields json) throws IOException {
    if (!text.matches("[0-9a-f]{8}")) {
      throw json.damaged("a checksum in it is '" + text + "'");
    }
    return Integer.parseUnsignedInt(text, 16);
  }
}
