package io.sluice.text;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.sluice.files.Quoted;
import io.sluice.files.RegularFile;
import io.sluice.files.StrictJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Folders of HuggingFace's {@code datasets} among folders of texts: what {@code save_to_disk}
 * writes, and what its cache holds. Beside the rows they have descriptions in JSON, which are no
 * texts, and rows that were computed from others ({@code cache-*.arrow}), which would be read
 * twice.
 */
final class DatasetFolders {
  private static final String INFO = "dataset_info.json";
  private static final String STATE = "state.json";
  private static final String SPLITS = "dataset_dict.json";
  private static final Set<String> DESCRIPTIONS = Set.of(INFO, "dataset_infos.json", SPLITS);

  private static final long MOST_STATE = 16 << 20;
  private static final JsonMapper JSON =
      StrictJson.pythonMapper(StreamReadConstraints.builder().build());

  /** By folder, the names of the files that hold its rows; empty where no file says. */
  private final Map<Path, Set<String>> saved = new HashMap<>();

  /** Those of them that were not met. */
  private final Map<Path, Set<String>> missing = new HashMap<>();

  private IOException failure;

  /**
   * Whether a file with the name of a text is one. What is wrong with a description, {@link
   * #requireWhole} says.
   */
  boolean isText(Path file) {
    String name = file.getFileName().toString();
    Path folder = file.resolveSibling("");
    if (DESCRIPTIONS.contains(name)) {
      if (name.equals(SPLITS)) {
        requireSplits(file);
      }
      return false;
    }
    if (!name.equals(STATE) && !name.endsWith(".arrow")
        || !Files.isRegularFile(folder.resolve(INFO))) {
      return true;
    }
    Set<String> rows = saved.computeIfAbsent(folder, this::rows);
    if (name.equals(STATE)) {
      return false;
    }
    if (missing.containsKey(folder)) {
      missing.get(folder).remove(name);
    }
    return rows.isEmpty() ? !name.startsWith("cache-") : rows.contains(name);
  }

  /**
   * Refuses folders that lack a part, after all files have been asked for.
   *
   * @throws IOException if a description cannot be read, or names a file that is not there
   */
  void requireWhole() throws IOException {
    if (failure != null) {
      throw failure;
    }
    for (Map.Entry<Path, Set<String>> each : missing.entrySet()) {
      if (!each.getValue().isEmpty()) {
        String first = each.getValue().iterator().next();
        throw new IOException(
            each.getKey().resolve(STATE)
                + ": names "
                + Quoted.of(first)
                + ", which is not there; save the data set again, or fetch the rest of it");
      }
    }
  }

  /** A split whose folder was not fetched would be left out without a word. */
  private void requireSplits(Path file) {
    try {
      for (JsonNode split : read(file).path("splits")) {
        if (!Files.isRegularFile(file.resolveSibling(split.asText()).resolve(STATE))) {
          throw new IOException(
              file
                  + ": names the split "
                  + Quoted.of(split.asText())
                  + ", which is not there or has no "
                  + STATE
                  + "; save the data set again, fetch the rest of it, or name the folder of a"
                  + " split that is there");
        }
      }
    } catch (IOException | InvalidPathException e) {
      failure = e instanceof IOException known ? known : new IOException(file + ": " + e, e);
    }
  }

  private static JsonNode read(Path file) throws IOException {
    try {
      return JSON.readTree(StrictJson.text(RegularFile.bytes(file, MOST_STATE)));
    } catch (JsonProcessingException e) {
      throw new IOException(
          file
              + ": is not the description of a data set ("
              + StrictJson.reason(e)
              + "); save the data set again",
          e);
    }
  }

  private Set<String> rows(Path folder) {
    Path state = folder.resolve(STATE);
    if (!Files.isRegularFile(state)) {
      return Set.of();
    }
    try {
      JsonNode root = read(state);
      if (!root.path("_indices_data_files").isEmpty() || !root.path("_indices_files").isEmpty()) {
        throw new IOException(
            state
                + ": is of a selection of rows; save it with a newer version of datasets, or after"
                + " flatten_indices()");
      }
      Set<String> names = new TreeSet<>();
      for (JsonNode each : root.path("_data_files")) {
        names.add(each.path("filename").asText());
      }
      if (names.isEmpty()) {
        throw new IOException(state + ": names no files; save the data set again");
      }
      missing.put(folder, new TreeSet<>(names));
      return names;
    } catch (IOException e) {
      failure = e;
    }
    return Set.of();
  }
}
