package io.sluice.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The folder of a store before anything is written into it. */
final class StoreFolder {
  private StoreFolder() {}

  /**
   * Makes sure that {@code folder} is empty.
   *
   * @param replace whether a store in it may be deleted; anything else never is
   * @throws IOException if it holds something that must stay
   */
  static void clear(Path folder, boolean replace) throws IOException {
    List<Path> entries;
    try (Stream<Path> listed = Files.list(folder)) {
      entries = listed.toList();
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
    return entry
        .getFileName()
        .toString()
        .matches("(manifest\\.json|shard-\\d{5,10}\\.arrow)(\\.\\d+\\.tmp)?");
  }
}
