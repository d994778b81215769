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
 * A store that takes the place of another one when it is whole. It is written beside that one, in a
 * folder of the same name with the process's number and {@code .new} after it. Whenever the process
 * is killed, the old store or the new one is in the place, or {@link #repair} puts it there; what
 * is left beside it goes when the next replacement begins.
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

  /** As many as Linux follows. */
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
   * Takes the folder of the store that is to be replaced, and deletes what killed replacements left
   * beside it.
   *
   * @throws IOException if another one writes into it, or what is left cannot be deleted
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

  /** Where the new store is to be written; there is nothing yet. */
  public Path folder() {
    return fresh;
  }

  /**
   * Puts the new store in its place, and deletes the old one.
   *
   * @throws IOException if that cannot be done; one of them is in the place
   */
  public void finish() throws IOException {
    finish(FolderSwap.exchange(place, fresh));
  }

  /** The same where the two may already have changed places, as a system without that goes on. */
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

  /** Lets go of the folder; a new store that is not finished is deleted. */
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
   * Brings back a store whose folder is not there because its replacement was killed between taking
   * the old one away and putting the new one there, on a file system that cannot do both at once.
   * Nothing happens otherwise.
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
        // Without an old one beside it, a new one is that of a place that never was.
        boolean taken = found.stream().anyMatch(path -> path.toString().endsWith(OLD));
        if (taken && left.toString().endsWith(kind) && isWhole(left, kind) && isNobodys(left)) {
          Files.move(left, place, StandardCopyOption.ATOMIC_MOVE);
          return;
        }
      }
    }
  }

  /**
   * Where a folder lies to which a link may lead, also while there is none: it changes its place,
   * and the link stays.
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

  /** Deletes a store that nobody writes; what is no store, or somebody's, stays. */
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
