package io.sluice.files;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Opens files for reading. Anything but a regular file is refused before it is opened: opening a
 * pipe waits for its writer, and a device may have no end.
 */
public final class RegularFile {
  private static final int TYPE = 0170000;
  private static final int PIPE = 0010000;
  private static final int SOCKET = 0140000;

  private RegularFile() {}

  /**
   * Refuses an existing file that is not regular; links are followed. A missing file passes, and
   * opening it fails.
   *
   * @throws IOException if {@code file} is a folder, a pipe, a socket or a device; one line that
   *     names it
   */
  public static void require(Path file) throws IOException {
    if (Files.isDirectory(file)) {
      throw new IOException(file + ": is a folder; give a file");
    }
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw new IOException(file + ": is a " + kind(file) + ", not a regular file; give a file");
    }
  }

  /**
   * Whether a file that a folder lists is a regular one; links are followed.
   *
   * @throws IOException if it is a link to nothing: what it stands for would be missing without a
   *     word
   */
  public static boolean isListed(Path file) throws IOException {
    if (Files.isSymbolicLink(file) && Files.notExists(file)) {
      throw new IOException(
          file
              + ": is a link to "
              + Quoted.of(Files.readSymbolicLink(file).toString())
              + ", which is not there; fetch it, or remove the link");
    }
    return Files.isRegularFile(file);
  }

  private static String kind(Path file) throws IOException {
    if (!file.getFileSystem().supportedFileAttributeViews().contains("unix")) {
      return "device";
    }
    return switch ((Integer) Files.getAttribute(file, "unix:mode") & TYPE) {
      case PIPE -> "pipe";
      case SOCKET -> "socket";
      default -> "device";
    };
  }

  /**
   * Opens a file for reading.
   *
   * @throws NoSuchFileException if it does not exist
   * @throws IOException if it is not a regular file, in one line that names it, or may not be read
   */
  public static FileChannel open(Path file) throws IOException {
    require(file);
    return FileChannel.open(file, StandardOpenOption.READ);
  }

  /**
   * All bytes of a file.
   *
   * @param most the largest length that is read
   * @throws NoSuchFileException if it does not exist
   * @throws IOException if it is not a regular file or longer than {@code most} bytes, in one line
   *     that names it, or may not be read
   */
  public static byte[] bytes(Path file, long most) throws IOException {
    require(file);
    long size = Files.size(file);
    if (size > most) {
      throw new IOException(
          file + ": has " + size + " bytes, more than the " + most + " that are read; check it");
    }
    return Files.readAllBytes(file);
  }
}
