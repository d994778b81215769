package io.sluice.training.run;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.store.ActivationStore;
import io.sluice.store.files.Manifest;
import java.io.IOException;
import java.nio.file.Path;

/** The store that a run is trained on, as the {@code config} of its {@code run.json} names it. */
public final class RunStore {
  private RunStore() {}

  /** Writes which store it is into the configuration of a run. */
  public static void write(ActivationStore store, ObjectNode config) {
    config.put("store", store.place());
    config.put("storeRows", store.rows());
    config.put("storeCreated", store.manifest().created());
    config.put("model", store.manifest().model());
    config.put("text", store.manifest().text());
    store.manifest().prependBos().ifPresent(is -> config.put(Manifest.PREPEND_BOS, is));
  }

  /**
   * Refuses a store that is not the one the run was started on.
   *
   * @throws IOException if it is another one; the message names {@code file} and both stores
   */
  public static void requireSame(JsonNode config, ActivationStore store, Path file)
      throws IOException {
    if (config.path("storeRows").asLong() != store.rows()
        || !config.path("storeCreated").asText().equals(store.manifest().created())) {
      throw new IOException(
          "%s: the run was started on a store of %d rows created %s, but %s has %d rows, created %s"
              .formatted(
                  file,
                  config.path("storeRows").asLong(),
                  config.path("storeCreated").asText(),
                  store.place(),
                  store.rows(),
                  store.manifest().created()));
    }
  }
}
