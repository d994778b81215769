package io.sluice.training.config;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.Fields;
import java.io.IOException;

/**
 * Where the parameters of a dictionary start: at new ones, or at those of a finished dictionary.
 */
public sealed interface Start permits InitialDirections, FromDictionary {
  /** Writes this setting into the configuration of a run. */
  void write(ObjectNode config);

  /**
   * Reads what {@link #write} wrote.
   *
   * @throws IOException if a field is missing or wrong, in one line that names file and field
   */
  static Start read(Fields config) throws IOException {
    return config.text("init").equals(FromDictionary.LABEL)
        ? FromDictionary.read(config)
        : InitialDirections.read(config);
  }
}
