package io.sluice.audit;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import io.sluice.files.RegularFile;
import io.sluice.files.StrictJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The number of features per token that a dictionary's name or configuration says. */
final class PromisedL0 {
  /** For instance {@code average_l0_71} and {@code l0-64}; a layer 0 has no number behind it. */
  private static final Pattern L0 =
      Pattern.compile("(?i)(?<![a-z0-9])(?:[a-z]+_)?l0[_=-](\\d+(?:\\.\\d+)?)(?![0-9a-z.])");

  /** For instance {@code k_64}, {@code k=64} and {@code topk-64}. */
  private static final Pattern K =
      Pattern.compile("(?i)(?<![a-z0-9])(?:top[_-]?)?k[_=-]?(\\d+)(?![0-9a-z.])");

  private static final List<String> FILES =
      List.of("cfg.json", "config.json", "hyperparams.json", "sae_config.json");

  private static final Set<String> KEYS =
      Set.of("l0", "average_l0", "avg_l0", "mean_l0", "target_l0", "l0_target", "desired_l0");

  private static final int DEEPEST = 4;
  private static final long MOST_BYTES = 8 << 20;

  private PromisedL0() {}

  /** What a name or path says. */
  static OptionalDouble ofName(String name) {
    for (Pattern pattern : List.of(L0, K)) {
      OptionalDouble last = OptionalDouble.empty();
      Matcher found = pattern.matcher(name);
      while (found.find()) {
        last = OptionalDouble.of(Double.parseDouble(found.group(1)));
      }
      if (last.isPresent() && last.getAsDouble() > 0) {
        return last;
      }
    }
    return OptionalDouble.empty();
  }

  /**
   * What the configuration in a folder says.
   *
   * @throws IOException if it cannot be read
   */
  static OptionalDouble ofFiles(Path folder) throws IOException {
    for (String name : FILES) {
      Path file = folder.resolve(name);
      if (!Files.isRegularFile(file)) {
        continue;
      }
      OptionalDouble found = in(json(file), 0);
      if (found.isPresent()) {
        return found;
      }
    }
    return OptionalDouble.empty();
  }

  private static JsonNode json(Path file) throws IOException {
    try {
      return StrictJson.pythonMapper(StreamReadConstraints.defaults())
          .readTree(StrictJson.text(RegularFile.bytes(file, MOST_BYTES)));
    } catch (JsonProcessingException e) {
      throw new IOException(
          file + ": not valid JSON: " + StrictJson.reason(e) + "; fetch it again", e);
    }
  }

  private static OptionalDouble in(JsonNode node, int depth) {
    if (depth > DEEPEST || !node.isContainerNode()) {
      return OptionalDouble.empty();
    }
    for (String key : KEYS) {
      JsonNode value = node.path(key);
      if (value.isNumber() && value.doubleValue() > 0) {
        return OptionalDouble.of(value.doubleValue());
      }
    }
    for (JsonNode child : node) {
      OptionalDouble found = in(child, depth + 1);
      if (found.isPresent()) {
        return found;
      }
    }
    return OptionalDouble.empty();
  }
}
