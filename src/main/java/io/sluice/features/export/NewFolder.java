package io.sluice.features.export;

import io.sluice.files.OutputFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** A folder that an export fills: other tools read all that is in it. */
final class NewFolder {
  private NewFolder() {}

  /**
   * Makes the folder.
   *
   * @throws IOException if it is not empty, is a file, or cannot be made
   */
  static void make(Path folder) throws IOException {
    OutputFolder.make(folder);
    try (Stream<Path> files = Files.list(folder)) {
      if (files.findAny().isPresent()) {
        throw new IOException(folder + ": is not empty; name a new folder");
      }
    }
  }
}
