package io.sluice.store.files;

import io.sluice.files.AtomicFile;
import io.sluice.files.FolderLock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Checks, clears and deletes the folder of a store. */
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
  public static void delete(Path folder) throws IOException {
    if (Files.isDirectory(folder)) {
      clear(folder, true);
      Files.deleteIfExists(folder.resolve(FolderLock.NAME));
      Files.delete(folder);
    }
  }

  /**
   * Makes {@code folder} empty except for its lock.
   *
   * @param replace whether a store in it may be deleted; nothing else is ever deleted
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
                  ? ": already holds an activation store; name another folder or allow its replacement"
                  : ": not empty and not only an activation store; name a new or empty folder"));
    }
    // The manifest is deleted first: without it the rest no longer counts as a store.
    Files.deleteIfExists(folder.resolve(Manifest.FILE_NAME));
    Files.deleteIfExists(folder.resolve(Manifest.VISIBLE_FILE_NAME));
    for (Path entry : entries) {
      Files.deleteIfExists(entry);
    }
  }

  private static boolean belongsToStore(Path entry) {
    String name = AtomicFile.finalName(entry);
    return Manifest.isBesideShards(name) || name.matches("\\.lock|shard-\\d{5,10}\\.arrow");
  }
}
