package io.sluice.dictionary.formats;

import io.sluice.dictionary.DictionarySource;
import java.io.IOException;
import java.nio.file.Path;

/** A format of dictionaries: a folder with two files, by whose names it is recognised. */
interface FolderFormat {
  /** The name on the command line. */
  String label();

  /** The name of the file with the configuration. */
  String config();

  /** The name of the file with the weights. */
  String weights();

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
   * Opens a dictionary, whose matrices are then read some rows at a time.
   *
   * @param origin what the caller knows in addition
   * @throws IllegalArgumentException if its parts do not fit together
   * @throws IOException if a file is missing or damaged, or a setting is not supported
   */
  DictionarySource open(Path folder, Origin origin) throws IOException;

  /**
   * Writes a dictionary into a new folder.
   *
   * @throws IllegalArgumentException if the format has no such dictionaries; nothing is then
   *     written
   */
  void save(DictionarySource dictionary, Path folder) throws IOException;
}
