package io.sluice.dictionary.formats;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/** The files in a folder, by whose names formats are recognised. */
final class PlacedFiles {
  /** How many folders below a dictionary's own its files may be. */
  static final int DEPTH = 1;

  /** The one folder inside a dictionary's that has files of it. */
  private static final String CHECKPOINTS = "checkpoints";

  private PlacedFiles() {}

  /**
   * The names of the regular files in a folder, and with a slash of those in {@code checkpoints};
   * none if there is no such folder.
   *
   * @throws IOException if it cannot be listed
   */
  static Set<String> in(Path folder) throws IOException {
    Set<String> names = new TreeSet<>();
    add(folder, "", names);
    add(folder.resolve(CHECKPOINTS), CHECKPOINTS + "/", names);
    return names;
  }

  /**
   * The same of a folder, or of the folder that a file is in.
   *
   * @throws IOException if it cannot be listed
   */
  static Set<String> around(Path place) throws IOException {
    return in(Files.isRegularFile(place) ? place.toAbsolutePath().getParent() : place);
  }

  private static void add(Path folder, String before, Set<String> names) throws IOException {
    if (!Files.isDirectory(folder)) {
      return;
    }
    try (Stream<Path> files = Files.list(folder)) {
      files
          .filter(Files::isRegularFile)
          .forEach(file -> names.add(before + file.getFileName().toString()));
    } catch (java.io.UncheckedIOException e) {
      throw e.getCause();
    }
  }
}
