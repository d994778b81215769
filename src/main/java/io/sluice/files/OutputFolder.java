package io.sluice.files;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Writes several files into a folder as one unit, all or none. */
public final class OutputFolder {
  /** The name of an unfinished folder: its final name and the process id of its writer. */
  private static final Pattern UNFINISHED =
      Pattern.compile("(.+)\\.(\\d{1,10})\\.[0-9a-f]{16}\\.tmp", Pattern.DOTALL);

  /** The name of an unfinished folder inside the final one. */
  private static final String WITHIN = "new";

  private OutputFolder() {}

  /** Writes files into a folder. */
  public interface Content {
    /** Writes everything into an existing empty folder. */
    void writeInto(Path folder) throws IOException;
  }

  /**
   * Creates a folder and its parents if necessary.
   *
   * @throws IOException if it is a file or cannot be created; one line that names it
   */
  public static void make(Path folder) throws IOException {
    if (Files.exists(folder) && !Files.isDirectory(folder)) {
      throw new IOException(folder + ": is a file; name another folder");
    }
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw new IOException(
          folder + ": cannot be made (" + AtomicFile.reason(e) + "); choose another folder", e);
    }
  }

  /**
   * Writes files that belong together. If the folder does not exist or is empty, they are written
   * into a folder beside it, which is renamed at the end, so all appear at once. Otherwise they are
   * moved into it when all are written, {@code last} at the end. Leftovers of killed processes are
   * deleted.
   *
   * @param folder the target; links in it are not followed
   * @param last the file without which the others do not count
   * @throws IOException if the folder has one of the files, or writing fails; the folder is then
   *     unchanged
   */
  public static void write(Path folder, String last, Content content) throws IOException {
    if (Files.exists(folder) && !Files.isDirectory(folder)) {
      throw new IOException(folder + ": is a file; name another folder");
    }
    Path target = Files.exists(folder) ? folder.toRealPath() : folder.toAbsolutePath().normalize();
    if (target.getParent() != null) {
      make(target.getParent());
      deleteUnfinished(target);
    }
    Path fresh = fresh(target);
    try {
      content.writeInto(fresh);
      if (fresh.startsWith(target)) {
        moveFiles(fresh, target, last);
      } else {
        rename(fresh, target, last);
      }
    } catch (IOException e) {
      String message = String.valueOf(e.getMessage());
      throw message.contains(fresh.toString())
          ? new IOException(message.replace(fresh.toString(), folder.toString()), e)
          : e;
    } finally {
      delete(fresh);
    }
  }

  /** A new folder: beside the target if that can be replaced as a whole, otherwise in it. */
  private static Path fresh(Path target) throws IOException {
    boolean exists = Files.exists(target);
    if (target.getParent() != null && (!exists || isEmpty(target))) {
      Path named =
          target.resolveSibling(target.getFileName() + "." + ProcessHandle.current().pid());
      try {
        return Files.createDirectory(AtomicFile.temporaryName(named));
      } catch (IOException e) {
        if (!exists) {
          throw cannotBeMade(target, e);
        }
        // A folder may be writable although its parent is not.
      }
    }
    try {
      return Files.createDirectory(
          AtomicFile.temporaryName(target.resolve(WITHIN + "." + ProcessHandle.current().pid())));
    } catch (IOException e) {
      throw cannotBeMade(target, e);
    }
  }

  private static void rename(Path fresh, Path target, String last) throws IOException {
    try {
      Files.move(fresh, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      if (!Files.isDirectory(target)) {
        throw cannotBeMade(target, e);
      }
      // A mount point cannot be replaced, nor on Windows an empty folder.
      moveFiles(fresh, target, last);
    }
  }

  private static void moveFiles(Path fresh, Path target, String last) throws IOException {
    List<Path> files = new ArrayList<>(list(fresh));
    files.sort((a, b) -> Boolean.compare(a.endsWith(last), b.endsWith(last)));
    for (Path file : files) {
      Path place = target.resolve(file.getFileName());
      if (Files.exists(place, LinkOption.NOFOLLOW_LINKS)) {
        throw new FileAlreadyExistsException(place + " (choose another folder)");
      }
    }
    List<Path> moved = new ArrayList<>();
    try {
      for (Path file : files) {
        Path place = target.resolve(file.getFileName());
        Files.move(file, place, StandardCopyOption.ATOMIC_MOVE);
        moved.add(place);
      }
    } catch (IOException e) {
      for (Path place : moved) {
        Files.deleteIfExists(place);
      }
      throw cannotBeMade(target, e);
    }
  }

  private static void deleteUnfinished(Path target) throws IOException {
    deleteUnfinished(target.getParent(), target.getFileName().toString());
    if (Files.isDirectory(target)) {
      deleteUnfinished(target, WITHIN);
    }
  }

  private static void deleteUnfinished(Path folder, String of) throws IOException {
    for (Path other : list(folder)) {
      Matcher name = UNFINISHED.matcher(other.getFileName().toString());
      if (name.matches()
          && name.group(1).equals(of)
          && ProcessHandle.of(Long.parseLong(name.group(2))).isEmpty()
          && Files.isDirectory(other, LinkOption.NOFOLLOW_LINKS)) {
        delete(other);
      }
    }
  }

  private static void delete(Path folder) throws IOException {
    if (Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
      for (Path file : list(folder)) {
        Files.deleteIfExists(file);
      }
      Files.deleteIfExists(folder);
    }
  }

  /**
   * Deletes a folder and everything in it, or nothing if it does not exist. Links in it are deleted
   * and not followed.
   *
   * @throws IOException if a file cannot be deleted
   */
  public static void deleteTree(Path folder) throws IOException {
    if (Files.notExists(folder)) {
      return;
    }
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : (Iterable<Path>) files.sorted(Comparator.reverseOrder())::iterator) {
        Files.delete(file);
      }
    }
  }

  private static boolean isEmpty(Path folder) throws IOException {
    return list(folder).isEmpty();
  }

  private static List<Path> list(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    }
  }

  /**
   * Refuses to write through a link, since a folder may come from an untrusted source.
   *
   * @param folder the folder that the user named; it may be a link
   * @param file a file or folder in it, or in one of its folders
   * @throws IOException if that, or a folder on the way, is a link
   */
  public static void requireNoLink(Path folder, Path file) throws IOException {
    for (Path place = file; place != null && !place.equals(folder); place = place.getParent()) {
      if (Files.isSymbolicLink(place)) {
        throw new IOException(
            place + ": is a link, and files are written where they are named; delete it");
      }
    }
  }

  /**
   * Opens a file of a folder for writing, not through a link.
   *
   * @param options further options
   * @throws IOException if it is a link or cannot be opened
   */
  public static FileChannel open(Path folder, Path file, OpenOption... options) throws IOException {
    requireNoLink(folder, file);
    Set<OpenOption> all = new HashSet<>(Set.of(options));
    all.add(StandardOpenOption.WRITE);
    all.add(LinkOption.NOFOLLOW_LINKS);
    return FileChannel.open(file, all);
  }

  private static IOException cannotBeMade(Path folder, IOException cause) {
    return new IOException(
        folder + ": cannot be written (" + AtomicFile.reason(cause) + "); choose another folder",
        cause);
  }
}
