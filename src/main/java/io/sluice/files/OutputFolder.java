package io.sluice.files;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Folders that files will be written into. */
public final class OutputFolder {
  private OutputFolder() {}

  /**
   * Makes a folder, and those above it, if need be.
   *
   * @throws IOException if it is a file or cannot be made; one line that names it
   */
  public static void make(Path folder) throws IOException {
    if (Files.exists(folder) && !Files.isDirectory(folder)) {
      throw new IOException(folder + ": is a file; name another folder");
    }
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new IOException(
          folder + ": cannot be made (" + AtomicFile.reason(e) + "); choose another folder", e);
    }
  }
}
