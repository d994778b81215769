package io.sluice.hub;

import java.io.IOException;
import java.util.List;

/**
 * The files of a repository that a name stands for.
 *
 * @param place the folder or file that was named, relative to the repository; empty for its root
 * @param folder that folder, or the one of that file, with a slash at its end unless empty
 * @param wanted the file that was named, relative to {@code folder}; null if the folder was
 * @param relative the chosen files, relative to {@code folder}
 */
record Selection(String place, String folder, String wanted, List<String> relative) {
  /**
   * Chooses among files.
   *
   * @param files their names in the repository
   * @throws IOException if what is needed is not among them
   */
  static Selection of(HubName name, List<String> files, FileChoice choice) throws IOException {
    String path = name.path();
    boolean isFile = files.contains(path);
    String folder = isFile ? path.substring(0, path.lastIndexOf('/') + 1) : path;
    if (!folder.isEmpty() && !folder.endsWith("/")) {
      folder += "/";
    }
    String start = folder;
    List<String> inside =
        files.stream()
            .filter(file -> file.startsWith(start))
            .map(file -> file.substring(start.length()))
            .toList();
    if (inside.isEmpty()) {
      throw new IOException(
          name
              + ": no such file or folder, and "
              + name.repository()
              + (path.isEmpty() ? " has no files" : " on the hub has none of that name, either"));
    }
    String wanted = isFile ? path.substring(start.length()) : null;
    return new Selection(path, start, wanted, choice.of(name.toString(), inside, wanted));
  }

  /** The chosen files, relative to the repository. */
  List<String> paths() {
    return relative.stream().map(file -> folder + file).toList();
  }
}
