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
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Folders that files will be written into: several files that are one thing, whole or not at all.
 */
public final class OutputFolder {
  /** A folder that is not finished: what it becomes, and the process that writes it. */
  private static final Pattern UNFINISHED =
      Pattern.compile("(.+)\\.(\\d{1,10})\\.[0-9a-f]{16}\\.tmp", Pattern.DOTALL);

  /** The name of one in the folder that its files will be moved to. */
  private static final String WITHIN = "new";

  private OutputFolder() {}

  /** Writes the files of a folder. */
  public interface Content {
    /** Writes everything into a folder that exists and is empty. */
    void writeInto(Path folder) throws IOException;
  }

  /**
   * Makes a folder, and those above it, if need be.
   *
   * @throws IOException if it is a file or cannot be made; one line that names it
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
   * Writes files that are one thing. A folder that does not exist or is empty has all of them at
   * once: they are written into another one beside it, which takes its name at the end. Into a
   * folder with other files they are moved when all are written, {@code last} at the end. What
   * killed processes left of the same is deleted.
   *
   * @param folder where they shall be; links in it are not followed
   * @param last the file without which the others are nothing
   * @throws IOException if the folder has one of the files, or writing fails; nothing is then there
   *     that was not before
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

  /** A new folder: beside the target where that may be replaced as a whole, else in it. */
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
        // A folder may be one's own where the one above it is not.
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
      // A place where a disk is mounted cannot be replaced, nor on Windows an empty folder.
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

  private static boolean isEmpty(Path folder) throws IOException {
    return list(folder).isEmpty();
  }

  private static List<Path> list(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    }
  }

  /**
   * Refuses to write where a link leads elsewhere, for a folder may come from a stranger.
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
   * Opens a file of a folder for writing; not through a link.
   *
   * @param options beside writing
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
