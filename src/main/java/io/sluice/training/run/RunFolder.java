package io.sluice.training.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.AtomicFile;
import io.sluice.files.Fields;
import io.sluice.files.FolderLock;
import io.sluice.files.OutputFolder;
import io.sluice.files.RegularFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/**
 * The folder of one training run, locked while it is open: {@code run.json}, {@code metrics.jsonl},
 * checkpoints and at the end the dictionary. The lock is released when the process ends, however it
 * ends.
 */
public final class RunFolder implements AutoCloseable {
  static final String FORMAT = "sluice.run/1";

  /** The file that describes a run. */
  public static final String DESCRIPTION = "run.json";

  /** The file that describes a sweep, whose folder contains no run itself. */
  public static final String SWEEP = "sweep.json";

  private static final String REMEDY = "restore it, or start a new run in another folder";
  private static final String METRICS = "metrics.jsonl";
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path path;
  private final FolderLock lock;
  private FileChannel metrics;

  /** TensorBoard's, or null. */
  private EventFile events;

  private RunFolder(Path path, FolderLock lock) {
    this.path = path;
    this.lock = lock;
  }

  /**
   * Locks a folder for a new run.
   *
   * @throws IOException if it holds a run or a sweep already, or is in use
   */
  public static RunFolder create(Path path) throws IOException {
    FolderLock.make(path, "run");
    RunFolder folder = new RunFolder(path, FolderLock.take(path, "run"));
    if (Files.exists(path.resolve(DESCRIPTION))) {
      folder.close();
      throw new IOException(
          path + ": holds a run already; continue it with --resume, or choose another folder");
    }
    if (Files.exists(path.resolve(SWEEP))) {
      folder.close();
      throw new IOException(path + ": holds a sweep already; choose another folder");
    }
    return folder;
  }

  /**
   * Opens the folder of a run to continue.
   *
   * @throws IOException if it holds none or is in use
   */
  public static RunFolder reopen(Path path) throws IOException {
    if (!Files.exists(path.resolve(DESCRIPTION))) {
      throw new NoSuchFileException(
          path.resolve(DESCRIPTION) + " (there is no run to resume in this folder)");
    }
    return new RunFolder(path, FolderLock.take(path, "run"));
  }

  /** What continues a run in its folder. */
  @FunctionalInterface
  public interface Continuation<T> {
    /**
     * Reads the settings and makes what goes on with them.
     *
     * @param run becomes the result's, to close
     * @param description the {@code run.json}
     * @param file where that is, for messages
     */
    T of(RunFolder run, JsonNode description, Path file) throws IOException;
  }

  /**
   * Opens the folder of a run to continue it. If that fails, the folder is closed.
   *
   * @throws IOException if the folder holds no run or is in use, or the run cannot continue
   */
  public static <T> T reopen(Path path, Continuation<T> continuation) throws IOException {
    RunFolder run = reopen(path);
    try {
      return continuation.of(run, run.description(), path.resolve(DESCRIPTION));
    } catch (IOException | RuntimeException e) {
      run.close();
      throw e;
    }
  }

  /**
   * The configuration of the run in a folder.
   *
   * @throws IOException if the folder holds no run or is in use
   */
  public static JsonNode settings(Path path) throws IOException {
    try (RunFolder run = reopen(path)) {
      return run.description().path("config");
    }
  }

  /** Refuses a run that has its result. */
  public void requireUnfinished(JsonNode description) throws IOException {
    if (description.has("result")) {
      throw new IOException(path + ": this run is complete; there is nothing to resume");
    }
  }

  /** Where it is. */
  public Path path() {
    return path;
  }

  /** Writes {@code run.json}; {@code result} is null while the run continues. */
  public void describe(String name, JsonNode config, Object result) throws IOException {
    ObjectNode json = JSON.createObjectNode();
    json.put("format", FORMAT);
    json.put("name", name);
    json.set("config", config);
    if (result != null) {
      json.set("result", JSON.valueToTree(result));
    }
    AtomicFile.write(
        path.resolve(DESCRIPTION), JSON.writerWithDefaultPrettyPrinter().writeValueAsString(json));
  }

  /** How the run in a folder ended; null if it has not, or there is none. */
  public static RunResult result(Path path) throws IOException {
    if (!Files.exists(path.resolve(DESCRIPTION))) {
      return null;
    }
    Fields json = fields(path);
    return json.has("result") ? json.object("result").record(RunResult.class) : null;
  }

  /** Reads {@code run.json}. */
  public JsonNode description() throws IOException {
    return description(path);
  }

  /**
   * Reads the {@code run.json} of a folder, whether or not its run is open.
   *
   * @throws IOException if it is missing or damaged
   */
  public static JsonNode description(Path path) throws IOException {
    Fields json = fields(path);
    json.object("config");
    return json.json();
  }

  private static Fields fields(Path path) throws IOException {
    return Fields.read(path.resolve(DESCRIPTION), FORMAT, REMEDY);
  }

  /**
   * Sets whether metrics are written for TensorBoard from now on, beside {@code metrics.jsonl}.
   *
   * @param step the last step whose metrics stay; 0 if none do
   */
  void record(boolean tensorBoard, long step) throws IOException {
    if (step == 0) {
      EventFile.deleteAll(path);
    }
    events = tensorBoard ? new EventFile(path, step) : null;
  }

  /** Appends a line to {@code metrics.jsonl}, and what it says to TensorBoard's events. */
  public void append(Metrics line) throws IOException {
    if (metrics == null) {
      metrics =
          OutputFolder.open(
              path, path.resolve(METRICS), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }
    ByteBuffer bytes =
        ByteBuffer.wrap((JSON.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8));
    try {
      while (bytes.hasRemaining()) {
        metrics.write(bytes);
      }
    } catch (IOException e) {
      throw new IOException(
          "%s: cannot be written (%s); make room, then continue with --resume"
              .formatted(path.resolve(METRICS), e.getMessage()),
          e);
    }
    if (events != null) {
      events.append(line);
    }
  }

  /** The last line of {@code metrics.jsonl}. */
  public Metrics lastMetrics() throws IOException {
    Path file = path.resolve(METRICS);
    RegularFile.require(file);
    List<String> lines = Files.readAllLines(file);
    if (lines.isEmpty()) {
      throw new IOException(file + ": is empty, though the run has reached its end");
    }
    return Fields.parse(file + ": its last line", lines.getLast(), "delete it")
        .record(Metrics.class);
  }

  /** Removes the metrics and checkpoints of an earlier attempt, to start from step 0. */
  public void clear() throws IOException {
    Files.deleteIfExists(path.resolve(METRICS));
    StateFile.deleteAllBut(0, path);
    EventFile.deleteAll(path);
  }

  /** Drops the lines of {@code metrics.jsonl} that come after {@code step}, or are cut off. */
  public void forgetMetricsAfter(long step) throws IOException {
    Path file = path.resolve(METRICS);
    if (!Files.exists(file)) {
      return;
    }
    RegularFile.require(file);
    byte[] bytes = Files.readAllBytes(file);
    int keep = 0;
    for (int end = 0; end < bytes.length; end++) {
      if (bytes[end] != '\n') {
        continue;
      }
      String line = new String(bytes, keep, end - keep, StandardCharsets.UTF_8);
      Fields metrics = Fields.parse(file + ": a line", line, "mend or delete it");
      if (metrics.whole("step", 0, Long.MAX_VALUE) > step) {
        break;
      }
      keep = end + 1;
    }
    try (FileChannel lines = OutputFolder.open(path, file)) {
      lines.truncate(keep);
    }
  }

  /** Deletes all checkpoints but the newest so many. */
  public void deleteCheckpointsBut(int keep) throws IOException {
    StateFile.deleteAllBut(keep, path);
  }

  /** Releases a folder in which no run could be started, and deletes what was made. */
  public void giveUp() throws IOException {
    closeMetrics();
    clear();
    lock.giveUp();
  }

  private void closeMetrics() throws IOException {
    if (metrics != null) {
      metrics.close();
    }
    if (events != null) {
      events.close();
    }
  }

  @Override
  public void close() throws IOException {
    closeMetrics();
    lock.close();
  }
}
