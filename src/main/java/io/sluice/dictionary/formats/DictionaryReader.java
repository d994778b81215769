package io.sluice.dictionary.formats;

import io.sluice.dictionary.DictionarySource;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Reads the dictionaries of one format, which it recognises by the names of their files. */
interface DictionaryReader {
  /** The name on the command line. */
  String label();

  /** The names of its files, for messages. */
  String files();

  /**
   * The files of the dictionary that a folder holds.
   *
   * @param names all files in the folder and perhaps below it, relative to it, with slashes
   * @return some of {@code names}; empty if the folder holds none of this format
   */
  List<String> inFolder(Set<String> names);

  /**
   * The files of a dictionary that is named by one of its files.
   *
   * @param file that file, in the folder
   * @param names as in {@link #inFolder}
   * @return some of {@code names}; empty if {@code file} does not stand for one of this format
   */
  default List<String> ofFile(String file, Set<String> names) {
    return List.of();
  }

  /**
   * What to name in place of a folder that holds several dictionaries of this format; empty if it
   * holds at most one.
   *
   * @param folder what messages call it
   * @param names as in {@link #inFolder}
   */
  default Optional<String> rather(String folder, Set<String> names) {
    return Optional.empty();
  }

  /**
   * Opens a dictionary, whose matrices are then read some rows at a time.
   *
   * @param place its folder, or the file for which {@link #ofFile} has an answer
   * @param origin what the caller knows in addition
   * @throws IllegalArgumentException if its parts do not fit together
   * @throws IOException if a file is missing or damaged, or a setting is not supported
   */
  DictionarySource open(Path place, Origin origin) throws IOException;
}
