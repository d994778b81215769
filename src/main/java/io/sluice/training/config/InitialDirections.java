package io.sluice.training.config;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.sluice.files.Fields;
import io.sluice.files.Quoted;
import java.io.IOException;

/** How the initial directions of features are drawn. */
public sealed interface InitialDirections extends Start {
  @Override
  default void write(ObjectNode config) {
    switch (this) {
      case Random random -> config.put("init", Random.LABEL);
      case ActiveSubspace active -> {
        config.put("init", ActiveSubspace.LABEL);
        config.put("dInit", active.dimensions());
        config.put("tau", active.tau());
      }
    }
  }

  /**
   * Reads what {@link #write} wrote.
   *
   * @throws IOException if a field is missing or wrong, in one line that names file and field
   */
  static InitialDirections read(Fields config) throws IOException {
    String init = config.text("init");
    return switch (init) {
      case Random.LABEL -> new Random();
      case ActiveSubspace.LABEL ->
          new ActiveSubspace(config.integer("dInit", 0, Integer.MAX_VALUE), config.real("tau"));
      default -> throw config.damaged("unknown init " + Quoted.of(init));
    };
  }

  /** Directions drawn uniformly from the whole space. */
  record Random() implements InitialDirections {
    static final String LABEL = "random";
  }

  /**
   * Directions drawn inside the active subspace of the activations (active-subspace initialisation,
   * arXiv 2508.16929).
   *
   * @param dimensions d_init, how many of the top directions of the covariance; 0 takes the
   *     intrinsic dimension at {@code tau}
   * @param tau share of the variance that the intrinsic dimension holds, in (0, 1]; used only where
   *     {@code dimensions} is 0
   */
  record ActiveSubspace(int dimensions, double tau) implements InitialDirections {
    static final String LABEL = "asi";

    public ActiveSubspace {
      if (dimensions < 0) {
        throw new IllegalArgumentException("d_init must not be negative: " + dimensions);
      }
      if (!(tau > 0 && tau <= 1)) {
        throw new IllegalArgumentException("tau must lie in (0, 1], not " + tau);
      }
    }
  }
}
