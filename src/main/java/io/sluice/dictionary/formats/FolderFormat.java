package io.sluice.dictionary.formats;

import io.sluice.dictionary.DictionarySource;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/** A format that is also written: a folder with two files. */
interface FolderFormat extends DictionaryReader {
  /** The name of the file with the configuration. */
  String config();

  /** The name of the file with the weights. */
  String weights();

  @Override
  default String files() {
    return config() + ", " + weights();
  }

  @Override
  default List<String> inFolder(Set<String> names) {
    List<String> both = List.of(config(), weights());
    return names.containsAll(both) ? both : List.of();
  }

  /** Whether it has dictionaries with a skip connection. */
  default boolean keepsSkip() {
    return false;
  }

  /** Whether it has dictionaries that normalise each token. */
  default boolean keepsTokenNorm() {
    return false;
  }

  /** Whether it has dictionaries that write several hook points. */
  default boolean keepsSites() {
    return false;
  }

  /**
   * Writes a dictionary into a new folder.
   *
   * @throws IllegalArgumentException if the format has no such dictionaries; nothing is then
   *     written
   */
  void save(DictionarySource dictionary, Path folder) throws IOException;
}
