package io.sluice.training.config;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.Fields;
import io.sluice.files.Quoted;
import java.io.IOException;

/** A start as fields of the {@code config} of {@code run.json}, and back. */
public final class InitialDirectionsSettings {
  private static final String RANDOM = "random";
  private static final String SUBSPACE = "asi";

  private InitialDirectionsSettings() {}

  /** Writes a start into the configuration of a run. */
  public static void write(InitialDirections start, ObjectNode config) {
    switch (start) {
      case InitialDirections.Random random -> config.put("init", RANDOM);
      case InitialDirections.ActiveSubspace active -> {
        config.put("init", SUBSPACE);
        config.put("dInit", active.dimensions());
        config.put("tau", active.tau());
      }
    }
  }

  /**
   * The start that a configuration says.
   *
   * @throws IOException if a field is missing or wrong, in one line that names file and field
   * @throws IllegalArgumentException if there is no such start
   */
  public static InitialDirections read(Fields config) throws IOException {
    String init = config.text("init");
    return switch (init) {
      case RANDOM -> new InitialDirections.Random();
      case SUBSPACE ->
          new InitialDirections.ActiveSubspace(
              config.integer("dInit", 0, Integer.MAX_VALUE), config.real("tau"));
      default -> throw config.damaged("unknown init " + Quoted.of(init));
    };
  }
}
