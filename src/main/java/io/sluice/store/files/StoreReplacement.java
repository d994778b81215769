package io.sluice.store.files;

import io.sluice.files.FolderLock;
import io.sluice.files.FolderSwap;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Replaces a store by a new one when the new one is complete. The new store is written beside the
 * old one, in a folder of the same name followed by the process id and {@code .new}. If the process
 * is killed at any moment, the old or the new store is in place, or {@link #repair} puts it there;
 * the next replacement deletes what is left beside it.
 *
 * <pre>{@code
 * try (StoreReplacement replacement = StoreReplacement.begin(place)) {
 *   capture.run(replacement.folder(), progress);
 *   replacement.finish();
 * }
 * }</pre>
 */
public final class StoreReplacement implements AutoCloseable {
  private static final String FRESH = ".new";
  private static final String OLD = ".old";

  /** As many links as Linux follows. */
  private static final int MOST_LINKS = 40;

  private final Path place;
  private final Path fresh;
  private final Path old;
  private final FolderLock lock;
  private boolean finished;

  private StoreReplacement(Path place, FolderLock lock) {
    this.place = place;
    this.lock = lock;
    this.fresh = beside(FRESH);
    this.old = beside(OLD);
  }

  /** Whether a folder holds a store, whole or not, and nothing else, so that it may be replaced. */
  public static boolean isPossible(Path folder) throws IOException {
    return StoreFolder.holdsOnlyAStore(folder);
  }

  /**
   * Locks the folder of the store to replace, and deletes what killed replacements left beside it.
   *
   * @throws IOException if another process writes to it, or leftovers cannot be deleted
   */
  public static StoreReplacement begin(Path folder) throws IOException {
    Path place = placeOf(folder);
    StoreReplacement replacement = new StoreReplacement(place, FolderLock.take(folder, "capture"));
    try {
      for (Path left : leftovers(place)) {
        delete(left);
      }
      return replacement;
    } catch (IOException | RuntimeException e) {
      replacement.lock.release();
      throw e;
    }
  }

  /** The folder for the new store; it does not exist yet. */
  public Path folder() {
    return fresh;
  }

  /**
   * Puts the new store in its place, and deletes the old one.
   *
   * @throws IOException if that fails; one of the two stores is then in place
   */
  public void finish() throws IOException {
    finish(FolderSwap.exchange(place, fresh));
  }

  /** The same on a system without an atomic exchange, where the two may already be exchanged. */
  void finish(boolean exchanged) throws IOException {
    if (exchanged) {
      finished = true;
      StoreFolder.delete(fresh);
      return;
    }
    Files.move(place, old, StandardCopyOption.ATOMIC_MOVE);
    Files.move(fresh, place, StandardCopyOption.ATOMIC_MOVE);
    finished = true;
    StoreFolder.delete(old);
  }

  /** Unlocks the folder; an unfinished new store is deleted. */
  @Override
  public void close() throws IOException {
    try {
      if (!finished) {
        StoreFolder.delete(fresh);
      }
    } finally {
      if (finished) {
        lock.close(); // Its file went with the old store.
      } else {
        lock.release();
      }
    }
  }

  /**
   * Restores a store whose folder is missing because its replacement was killed between the two
   * renames, on a file system without an atomic exchange. Does nothing otherwise.
   *
   * @throws IOException if a store is found and cannot be moved
   */
  public static void repair(Path folder) throws IOException {
    Path place = placeOf(folder);
    if (Files.exists(place) || place.getParent() == null || !Files.isDirectory(place.getParent())) {
      return;
    }
    List<Path> found;
    try {
      found = leftovers(place);
    } catch (IOException e) {
      return; // Nothing can be found in a folder that may not be listed.
    }
    for (String kind : List.of(FRESH, OLD)) {
      for (Path left : found) {
        // Without an old store beside it, a new one was never a replacement.
        boolean taken = found.stream().anyMatch(path -> path.toString().endsWith(OLD));
        if (taken && left.toString().endsWith(kind) && isWhole(left, kind) && isNobodys(left)) {
          Files.move(left, place, StandardCopyOption.ATOMIC_MOVE);
          return;
        }
      }
    }
  }

  /**
   * The folder that a link leads to, even if it does not exist: the folder is replaced and the link
   * stays.
   */
  private static Path placeOf(Path folder) throws IOException {
    Path place = folder.toAbsolutePath();
    for (int i = 0; i < MOST_LINKS && Files.isSymbolicLink(place); i++) {
      place = place.resolveSibling(Files.readSymbolicLink(place));
    }
    return Files.exists(place) ? place.toRealPath() : place.normalize();
  }

  private static boolean isWhole(Path folder, String kind) {
    try {
      Manifest manifest = ManifestFile.read(folder);
      return manifest.complete() || kind.equals(OLD);
    } catch (IOException e) {
      return false;
    }
  }

  /** Deletes a store without a writer; other folders stay. */
  private static void delete(Path left) throws IOException {
    if (isNobodys(left)) {
      StoreFolder.delete(left);
    }
  }

  private static boolean isNobodys(Path folder) throws IOException {
    boolean empty;
    try (Stream<Path> entries = Files.list(folder)) {
      empty = entries.findAny().isEmpty();
    }
    if (!empty && !StoreFolder.holdsOnlyAStore(folder)) {
      return false;
    }
    FolderLock taken = FolderLock.tryTake(folder);
    if (taken == null) {
      return false;
    }
    taken.release();
    return true;
  }

  private static List<Path> leftovers(Path place) throws IOException {
    Pattern beside =
        Pattern.compile(Pattern.quote(place.getFileName().toString()) + "\\.\\d{1,18}\\.(new|old)");
    try (Stream<Path> siblings = Files.list(place.getParent())) {
      return siblings
          .filter(path -> beside.matcher(path.getFileName().toString()).matches())
          .filter(Files::isDirectory)
          .sorted()
          .toList();
    }
  }

  private Path beside(String kind) {
    return place.resolveSibling(place.getFileName() + "." + ProcessHandle.current().pid() + kind);
  }
}
