package io.sluice.lorsa;

import io.sluice.lorsa.engine.LorsaWeights;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A low-rank sparse attention (arXiv 2504.20938) in the units of the model's activations.
 *
 * @param config its configuration
 * @param weights its parameters, in memory that the caller owns
 */
public record Lorsa(LorsaConfig config, LorsaWeights weights) {
  /**
   * Checks that both have one form.
   *
   * @throws IllegalArgumentException if they have not
   */
  public Lorsa {
    if (!config.spec().equals(weights.spec())) {
      throw new IllegalArgumentException("configuration and weights have different sizes");
    }
  }

  /**
   * Writes {@code lorsa.safetensors} and {@code lorsa.json} into a folder, each whole or not at
   * all.
   *
   * @throws IOException if writing fails
   */
  public void save(Path folder) throws IOException {
    LorsaFiles.save(this, folder);
  }

  /** Whether a folder holds a Lorsa. */
  public static boolean isIn(Path folder) {
    return Files.isRegularFile(folder.resolve(LorsaFiles.CONFIG));
  }

  /** The file of the weights in a folder. */
  public static Path weightsFile(Path folder) {
    return folder.resolve(LorsaFiles.WEIGHTS);
  }

  /**
   * Maps the files that {@link #save} wrote; the weights stay in the file.
   *
   * @throws IOException if a file is missing or damaged, or the two do not fit each other; the
   *     message names the file and what to do
   */
  public static Lorsa load(Path folder) throws IOException {
    return LorsaFiles.load(folder);
  }
}
