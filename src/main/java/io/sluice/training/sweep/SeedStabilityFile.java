package io.sluice.training.sweep;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.AtomicFile;
import io.sluice.files.Fields;
import io.sluice.weights.Safetensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * {@code stability.json} beside a sweep: how alike its runs of several seeds are ({@link
 * SeedStability}), so that it is computed once and not at every reading. A result is used as long
 * as the dictionaries have the checksums that it was computed with; without a result, or if the
 * file is damaged, it is computed again.
 */
final class SeedStabilityFile {
  static final String NAME = "stability.json";
  static final String FORMAT = "sluice.stability/1";
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path file;
  private final Map<Map<String, String>, Double> known = new HashMap<>();
  private final Map<Map<String, String>, Double> used = new LinkedHashMap<>();

  private SeedStabilityFile(Path file) {
    this.file = file;
  }

  /** The file of a sweep's folder, if there is one. */
  static SeedStabilityFile of(Path sweep) {
    SeedStabilityFile results = new SeedStabilityFile(sweep.resolve(NAME));
    if (Files.isRegularFile(results.file)) {
      try {
        results.read();
      } catch (IOException e) {
        results.known.clear(); // It has nothing that cannot be computed again.
      }
    }
    return results;
  }

  private void read() throws IOException {
    Fields json = Fields.read(file, FORMAT, "delete it");
    for (Fields group : json.objects("groups")) {
      Map<String, String> runs = new LinkedHashMap<>();
      Fields checksums = group.object("runs");
      for (String run : checksums.names()) {
        runs.put(run, checksums.text(run));
      }
      known.put(runs, group.real("stability", -1, 1));
    }
  }

  /**
   * How alike the dictionaries of runs are.
   *
   * @return null for fewer than two runs, and where a folder has no dictionary
   * @throws IOException if a dictionary is damaged
   */
  Double stability(List<Path> runs) throws IOException {
    Map<String, String> checksums = new LinkedHashMap<>();
    for (Path run : runs) {
      Path weights = run.resolve("dictionary.safetensors");
      if (runs.size() < 2 || Files.notExists(weights)) {
        return null;
      }
      // The metadata has a checksum of each tensor, and one of itself.
      checksums.put(
          run.getFileName().toString(),
          Safetensors.open(weights).metadata().getOrDefault("crc32c", "none"));
    }
    Double stability = checksums.containsValue("none") ? null : known.get(checksums);
    if (stability == null) {
      stability = SeedStability.of(runs);
    }
    if (stability != null) {
      used.put(checksums, stability);
    }
    return stability;
  }

  /** Writes what was used, if it is new; a sweep that cannot be written to is read as it is. */
  void save() {
    List<Map<String, String>> fresh = new ArrayList<>(used.keySet());
    fresh.removeAll(known.keySet());
    if (fresh.isEmpty()) {
      return;
    }
    ObjectNode json = JSON.createObjectNode();
    json.put("format", FORMAT);
    ArrayNode groups = json.putArray("groups");
    used.forEach(
        (runs, stability) -> {
          ObjectNode group = groups.addObject();
          ObjectNode checksums = group.putObject("runs");
          runs.forEach(checksums::put);
          group.put("stability", stability);
        });
    try {
      AtomicFile.write(file, json.toPrettyString());
    } catch (IOException e) {
      // For instance a folder that is read-only: the next reading computes it again.
    }
  }
}
