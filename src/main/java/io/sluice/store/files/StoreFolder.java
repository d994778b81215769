package io.sluice.store.files;

import io.sluice.files.AtomicFile;
import io.sluice.files.FolderLock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The folder of a store, before anything is written into it and when it goes. */
public final class StoreFolder {
  private StoreFolder() {}

  /** Whether {@code folder} holds a store, whole or not, and nothing else. */
  static boolean holdsOnlyAStore(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return false;
    }
    try (Stream<Path> listed = Files.list(folder)) {
      List<Path> entries = listed.toList();
      return !entries.isEmpty() && entries.stream().allMatch(StoreFolder::belongsToStore);
    }
  }

  /**
   * Deletes a store, finished or not, and its folder; nothing happens if there is none.
   *
   * @throws IOException if the folder holds anything else
   */
  static void delete(Path folder) throws IOException {
    if (Files.isDirectory(folder)) {
      clear(folder, true);
      Files.deleteIfExists(folder.resolve(FolderLock.NAME));
      Files.delete(folder);
    }
  }

  /**
   * Makes sure that {@code folder} is empty but for its lock.
   *
   * @param replace whether a store in it may be deleted; anything else never is
   * @throws IOException if it holds something that must stay
   */
  public static void clear(Path folder, boolean replace) throws IOException {
    List<Path> entries;
    try (Stream<Path> listed = Files.list(folder)) {
      entries = listed.filter(entry -> !entry.endsWith(FolderLock.NAME)).toList();
    }
    if (entries.isEmpty()) {
      return;
    }
    boolean isStore = entries.stream().allMatch(StoreFolder::belongsToStore);
    if (!replace || !isStore) {
      throw new IOException(
          folder
              + (isStore
                  ? ": already holds an activation store; name another folder or say to replace it"
                  : ": not empty and not only an activation store; name a new or empty folder"));
    }
    // The manifest goes first: without it what is left is no longer taken for a store.
    Files.deleteIfExists(folder.resolve(Manifest.FILE_NAME));
    for (Path entry : entries) {
      Files.deleteIfExists(entry);
    }
  }

  private static boolean belongsToStore(Path entry) {
    return AtomicFile.finalName(entry).matches("\\.lock|manifest\\.json|shard-\\d{5,10}\\.arrow");
  }
}
