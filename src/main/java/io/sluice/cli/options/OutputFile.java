package io.sluice.cli.options;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Checks files that a command will write at its end. */
public final class OutputFile {
  private OutputFile() {}

  /**
   * Rejects a file that cannot be written, before the work.
   *
   * @param file null if the option was not given
   * @throws IOException if its folder does not exist or takes no files, or it is no file itself
   */
  public static void check(String option, Path file) throws IOException {
    if (file == null) {
      return;
    }
    Path folder = file.toAbsolutePath().getParent();
    if (folder == null || !Files.isDirectory(folder)) {
      throw new IOException(option + " " + file + ": its folder does not exist; make it first");
    }
    if (Files.isDirectory(file)) {
      throw new IOException(option + " " + file + ": is a folder; name a file in it");
    }
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw new IOException(option + " " + file + ": is a device or a pipe; name a file");
    }
    if (!Files.isWritable(folder)) {
      throw new IOException(
          option + " " + file + ": its folder cannot be written to; choose another");
    }
  }
}
