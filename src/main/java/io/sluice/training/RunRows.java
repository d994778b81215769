package io.sluice.training;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.store.ActivationStore;
import io.sluice.store.HeldOut;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/**
 * Which rows of a store a run has trained on and which it has kept apart, as its {@code run.json}
 * says.
 *
 * @param heldOut what was kept apart; null where it is not known, or the store is another one
 * @param why why it is not known, as the end of a sentence; null where it is
 */
public record RunRows(HeldOut heldOut, String why) {
  private static final String RULE = "heldOut";
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Whether some rows of the store were kept apart. */
  public boolean someHeldOut() {
    return heldOut != null && !heldOut.isEmpty();
  }

  /**
   * What the run in a folder kept apart of a store.
   *
   * @throws IOException if its {@code run.json} is damaged, or the rule in it does not give what
   *     the run says it kept apart
   */
  public static RunRows of(Path folder, ActivationStore store) throws IOException {
    Path file = folder.resolve("run.json");
    if (!Files.exists(file)) {
      return new RunRows(null, "the dictionary's folder has no run.json");
    }
    JsonNode config;
    try {
      config = JSON.readTree(file.toFile()).path("config");
    } catch (JsonProcessingException e) {
      throw new IOException(
          file + ": not valid JSON: " + e.getOriginalMessage() + "; restore it", e);
    }
    JsonNode rule = config.path(RULE);
    if (!rule.isObject()) {
      return new RunRows(null, "its run is of before tokens were held out");
    }
    if (config.path("storeRows").asLong() != store.rows()
        || !config.path("storeCreated").asText().equals(store.manifest().created())) {
      return new RunRows(null, "its run was trained on another store");
    }
    HeldOut found;
    try {
      found =
          store.heldOut(
              rule.path("share").asDouble(-1),
              rule.path("seed").asLong(),
              rule.path("fromPosition").asInt());
    } catch (IllegalArgumentException e) {
      throw new IOException(file + ": " + e.getMessage() + "; restore it", e);
    }
    requireSame(config, found, file);
    return new RunRows(found, null);
  }

  /** Writes the rule into the configuration of a run. */
  public static void write(HeldOut heldOut, ObjectNode config) {
    ObjectNode rule = config.putObject(RULE);
    rule.put("share", heldOut.share());
    rule.put("seed", heldOut.seed());
    rule.put("fromPosition", heldOut.firstPosition());
    rule.put("contexts", heldOut.contexts());
    rule.put("tokens", heldOut.tokens());
  }

  /** The share that a run's configuration holds out; 0 for runs that do not say. */
  public static double share(JsonNode config) {
    return config.path(RULE).path("share").asDouble(0);
  }

  /** Refuses to go on where the rule would keep other tokens apart than the run has. */
  public static void requireSame(JsonNode config, HeldOut found, Path file) throws IOException {
    JsonNode rule = config.path(RULE);
    if (rule.isObject()
        && (rule.path("contexts").asLong(-1) != found.contexts()
            || rule.path("tokens").asLong(-1) != found.tokens())) {
      throw new IOException(
          String.format(
              Locale.ROOT,
              "%s: says that %,d tokens in %,d contexts are held out, but by its rule %,d in %,d are;"
                  + " restore it",
              file,
              rule.path("tokens").asLong(),
              rule.path("contexts").asLong(),
              found.tokens(),
              found.contexts()));
    }
  }
}
