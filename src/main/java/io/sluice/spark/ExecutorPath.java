package io.sluice.spark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.spark.SparkEnv;

/** Paths that the driver has found and an executor needs. */
final class ExecutorPath {
  private ExecutorPath() {}

  /**
   * Checks that this executor sees a file or folder.
   *
   * @throws IOException if it does not; the message names both
   */
  static void require(Path path) throws IOException {
    if (!Files.exists(path)) {
      throw new UnfitExecutorException(
          path
              + ": "
              + executor()
              + " does not see it; give a path on a disk that the driver and every executor share");
    }
  }

  /** This executor, in words. */
  static String executor() {
    return "executor "
        + SparkEnv.get().executorId()
        + " on "
        + SparkEnv.get().blockManager().blockManagerId().host();
  }

  /** Checks that this executor sees what options name by absolute paths. */
  static void requireThoseOf(List<String> words, String... options) throws IOException {
    for (String word : words) {
      for (String option : options) {
        if (word.startsWith(option + "=")) {
          Path path = Path.of(word.substring(option.length() + 1));
          if (path.isAbsolute()) {
            require(path);
          }
        }
      }
    }
  }
}
