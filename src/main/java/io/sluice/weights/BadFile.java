package io.sluice.weights;

import java.io.IOException;
import java.nio.file.Path;

/** One-line errors of files that cannot be used: the file, what is wrong, what to do. */
final class BadFile {
  private BadFile() {}

  static IOException because(Path file, String wrong, String remedy) {
    return new IOException(file + ": " + wrong + "; " + remedy);
  }

  static IOException damaged(Path file, String wrong) {
    return because(file, wrong, "the file is damaged or incomplete, fetch it again");
  }
}
