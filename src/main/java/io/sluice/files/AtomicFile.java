package io.sluice.files;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Writes a file atomically: if the process or the machine stops at any moment, the target has
 * either its old or its new content. The file is written beside its target, under the target's name
 * with a random number and {@code .tmp} appended, flushed to the disk and renamed. Closing without
 * {@link #commit()} deletes it. The file gets the default permissions of new files.
 *
 * <p>No link is followed, since a folder may come from an untrusted source: a link at the target is
 * replaced by the file, and the temporary file is newly created under an unpredictable name.
 *
 * <p>Every {@code IOException} of writing is one line that names the target, whose old content is
 * then unchanged. Not safe for use by several threads at a time.
 */
public final class AtomicFile implements AutoCloseable {
  /** Files that this process is writing: with two writers of one file, the first would be lost. */
  private static final Set<Path> OPEN = ConcurrentHashMap.newKeySet();

  /** Earlier versions used the process id in place of the 16 hexadecimal digits. */
  private static final Pattern LEFTOVER =
      Pattern.compile("(.+)\\.(\\d{1,10}|[0-9a-f]{16})\\.tmp", Pattern.DOTALL);

  private final Path named;
  private final Path target;
  private final Path temporary;
  private final FileChannel channel;
  private boolean committed;

  /** Writes the content of a file from its start. */
  public interface Content<T> {
    /**
     * Writes everything.
     *
     * @param channel the empty file; the caller flushes and closes it
     */
    T writeTo(FileChannel channel) throws IOException;
  }

  private AtomicFile(Path named, Path target, Path temporary) throws IOException {
    this.named = named;
    this.target = target;
    this.temporary = temporary;
    this.channel =
        FileChannel.open(
            temporary,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.WRITE,
            LinkOption.NOFOLLOW_LINKS);
  }

  /**
   * Begins a file.
   *
   * @param target the file to create or replace; its folder must exist
   * @throws IOException if the target is a folder, a device or a pipe, its folder is missing, or
   *     the temporary file cannot be created
   * @throws IllegalStateException if this process is writing the same file already
   */
  public static AtomicFile open(Path target) throws IOException {
    Path absolute = target.toAbsolutePath();
    Path folder = absolute.getParent();
    if (folder == null || Files.isDirectory(absolute)) {
      throw new IOException(target + ": is a folder; name a file in it");
    }
    if (!Files.isDirectory(folder)) {
      throw new IOException(target + ": its folder does not exist; make " + folder + " first");
    }
    if (Files.exists(absolute) && !Files.isRegularFile(absolute)) {
      // A rename would replace a device for all its users.
      throw new IOException(target + ": is a device or a pipe; name a file");
    }
    if (!OPEN.add(absolute)) {
      throw new IllegalStateException(target + " is being written already; close that first");
    }
    try {
      return new AtomicFile(target, absolute, temporaryName(absolute));
    } catch (IOException e) {
      OPEN.remove(absolute);
      throw failed(target, e);
    }
  }

  /** An unused name beside a file or folder that {@link #isLeftover} recognises. */
  static Path temporaryName(Path target) {
    // The number cannot be predicted, so no other program can create a file of that name first.
    String bits = UUID.randomUUID().toString().replace("-", "").substring(16);
    return target.resolveSibling(target.getFileName() + "." + bits + ".tmp");
  }

  /** Whether a file has the name of a temporary file, left by a killed process. */
  public static boolean isLeftover(Path file) {
    return LEFTOVER.matcher(file.getFileName().toString()).matches();
  }

  /** The final name of a temporary file; another file's own name. */
  public static String finalName(Path file) {
    String name = file.getFileName().toString();
    Matcher leftover = LEFTOVER.matcher(name);
    return leftover.matches() ? leftover.group(1) : name;
  }

  /**
   * Writes a whole file.
   *
   * @return what {@code content} returns
   * @throws IOException if that fails; what was at {@code target} is then still there
   */
  public static <T> T write(Path target, Content<T> content) throws IOException {
    try (AtomicFile file = open(target)) {
      T result;
      try {
        result = content.writeTo(file.channel);
      } catch (IOException e) {
        throw failed(target, e);
      }
      file.commit();
      return result;
    }
  }

  /**
   * Writes a whole file of {@code content}.
   *
   * @throws IOException if that fails; what was at {@code target} is then still there
   */
  public static void write(Path target, byte[] content) throws IOException {
    try (AtomicFile file = open(target)) {
      file.write(ByteBuffer.wrap(content), 0);
      file.commit();
    }
  }

  /**
   * Writes a whole file of {@code text}, as UTF-8.
   *
   * @throws IOException if that fails; what was at {@code target} is then still there
   */
  public static void write(Path target, String text) throws IOException {
    write(target, text.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Writes what remains in {@code bytes}, from {@code position} of the file on.
   *
   * @throws IOException if the disk does not take it
   */
  public void write(ByteBuffer bytes, long position) throws IOException {
    try {
      for (long at = position; bytes.hasRemaining(); ) {
        at += channel.write(bytes, at);
      }
    } catch (IOException e) {
      throw failed(named, e);
    }
  }

  /** Whether the file is neither committed nor closed. */
  public boolean isOpen() {
    return channel.isOpen();
  }

  /**
   * Forces the file to the disk, puts it in its place and closes it.
   *
   * @throws IOException if that fails; what was at the target is then still there
   */
  public void commit() throws IOException {
    try {
      channel.force(true);
      channel.close(); // Before the rename: Windows renames no open files.
      Files.move(
          temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw failed(named, e);
    }
    committed = true;
    forceFolder();
  }

  /** Closes the file and deletes it if it is not committed. */
  @Override
  public void close() throws IOException {
    try (channel) {
      if (!committed) {
        channel.close();
        Files.deleteIfExists(temporary);
      }
    } finally {
      OPEN.remove(target);
    }
  }

  /** Makes the rename durable if the system can flush folders. */
  private void forceFolder() {
    try (FileChannel folder = FileChannel.open(temporary.getParent(), StandardOpenOption.READ)) {
      folder.force(true);
    } catch (IOException e) {
      // Windows and some network file systems cannot.
    }
  }

  /**
   * Deletes temporary files that killed processes left in a folder. Only for the holder of the
   * folder's lock: it does not check whether a file is still being written.
   *
   * @throws IOException if the folder cannot be read, or a file in it cannot be deleted
   */
  public static void deleteLeftovers(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        if (isLeftover(file) && !Files.isDirectory(file, LinkOption.NOFOLLOW_LINKS)) {
          Files.deleteIfExists(file);
        }
      }
    }
  }

  private static IOException failed(Path target, IOException cause) {
    return new IOException(
        target + ": cannot be written (" + reason(cause) + "); make room or choose another folder",
        cause);
  }

  /** The reason of a failure in a few words, without the file's name. */
  static String reason(IOException cause) {
    String reason =
        switch (cause) {
          case AccessDeniedException e -> "no permission";
          case NoSuchFileException e -> "no file can be created in its folder";
          case FileSystemException e -> e.getReason();
          default -> cause.getMessage();
        };
    return reason == null ? cause.getClass().getSimpleName() : reason;
  }
}
