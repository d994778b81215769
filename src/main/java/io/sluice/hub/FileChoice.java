package io.sluice.hub;

import java.io.IOException;
import java.util.List;

/** Which files of a folder in a repository are needed. */
public interface FileChoice {
  /**
   * The files to fetch.
   *
   * @param folder what messages call the folder
   * @param names all files in the folder and below it, relative to it, with slashes
   * @param wanted the file that was named; null if the folder was
   * @return some of {@code names}
   * @throws IOException if what is needed is not there; one line that begins with {@code folder}
   */
  List<String> of(String folder, List<String> names, String wanted) throws IOException;

  /**
   * Whether what the cache has is enough.
   *
   * @param chosen what {@link #of} chose among the files in the cache
   */
  boolean suffices(List<String> chosen);

  /**
   * Whether {@link #of} would choose the same among all files of the repository, so that the hub
   * need not be asked.
   *
   * @param chosen what {@link #of} chose among the files in the cache, and what suffices
   * @param wanted the file that was named; null if the folder was
   */
  default boolean isCertain(List<String> chosen, String wanted) {
    return true;
  }
}
