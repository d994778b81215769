package io.sluice.training.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.Fields;
import io.sluice.store.ActivationStore;
import io.sluice.store.HeldOut;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/**
 * The rows of a store that a run trained on and those that it held out, according to its {@code
 * run.json}.
 *
 * @param heldOut the held-out contexts; null if they are not known or the store is another one
 * @param why the reason why they are not known, as the end of a sentence; null if they are
 */
public record RunRows(HeldOut heldOut, String why) {
  private static final String RULE = "heldOut";

  /** Whether some rows of the store were held out. */
  public boolean someHeldOut() {
    return heldOut != null && !heldOut.isEmpty();
  }

  /**
   * The rows of a store that the run in a folder held out.
   *
   * @throws IOException if its {@code run.json} is damaged, or the rule in it does not give what
   *     the run says it held out
   */
  public static RunRows of(Path folder, ActivationStore store) throws IOException {
    Path file = folder.resolve("run.json");
    if (!Files.exists(file)) {
      return new RunRows(null, "the dictionary's folder has no run.json");
    }
    Fields config = Fields.read(file, RunFolder.FORMAT, "restore it").object("config");
    if (!config.has(RULE)) {
      return new RunRows(null, "its run was made before Sluice held out tokens");
    }
    Fields rule = config.object(RULE);
    if (config.whole("storeRows", 0, Long.MAX_VALUE) != store.rows()
        || !config.text("storeCreated").equals(store.manifest().created())) {
      return new RunRows(null, "its run was trained on another store");
    }
    HeldOut found =
        rule.build(
            () ->
                store.heldOut(
                    rule.real("share", 0, 1),
                    rule.whole("seed", Long.MIN_VALUE, Long.MAX_VALUE),
                    rule.integer("fromPosition", 0, Integer.MAX_VALUE)));
    requireSame(config.json(), found, file);
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
  public static double share(Fields config) throws IOException {
    return config.has(RULE) ? config.object(RULE).real("share", 0, 1) : 0;
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
