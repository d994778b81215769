package io.sluice.cli.console;

import java.io.EOFException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;

/** Converts an exception to an error message of one line. */
public final class ErrorLine {
  /** What messages call files by other names than their paths. */
  private static final Map<String, String> NAMES = new ConcurrentHashMap<>();

  private ErrorLine() {}

  /**
   * Has messages name what was copied instead of its temporary copy, of which a user knows nothing.
   *
   * @param copy the path as messages have it
   * @param original what stands in its place
   */
  public static void call(Path copy, String original) {
    NAMES.put(copy.toString(), original);
  }

  /** The line for {@code failure}, without a leading command name. */
  public static String of(Throwable failure) {
    return text(message(root(failure)));
  }

  private static String message(Throwable e) {
    String message = e.getMessage();
    return switch (e) {
      case NoSuchFileException f -> "no such file or folder: " + f.getFile();
      case AccessDeniedException f -> "no permission for " + f.getFile();
      case FileAlreadyExistsException f -> "already exists: " + f.getFile();
      case NotDirectoryException f -> "not a folder: " + f.getFile();
      case DirectoryNotEmptyException f -> "folder is not empty: " + f.getFile();
      case FileSystemException f when f.getReason() != null -> f.getFile() + ": " + f.getReason();
      case FileNotFoundException f when message != null -> message;
      case EOFException f when message == null ->
          "a file ended too early (--stacktrace shows where)";
      case OutOfMemoryError f ->
          "out of memory ("
              + message
              + "); take smaller batches or fewer features, or give the JVM more with"
              + " SLUICE_JAVA_OPTS=-Xmx4g, if the machine has it";
      case IOException f when message != null -> message;
      case IllegalArgumentException f when message != null -> message;
      case IllegalStateException f when message != null -> message;
      case IndexOutOfBoundsException f when message != null -> message;
      case UnsupportedOperationException f when message != null -> message;
      default ->
          // The messages of expected exceptions are complete; any other exception is a defect.
          e.getClass().getName().startsWith("io.sluice.") && message != null
              ? message
              : "internal error: " + text(e.toString()) + " (--stacktrace shows where)";
    };
  }

  /** {@code message} on one line, with the names that a user knows. */
  public static String text(String message) {
    String named = message;
    for (Map.Entry<String, String> name : NAMES.entrySet()) {
      named = named.replace(name.getKey(), name.getValue());
    }
    return named.strip().replaceAll("\\s*\\R\\s*", " ");
  }

  private static Throwable root(Throwable failure) {
    Throwable e = failure;
    while (e.getCause() != null
        && (e instanceof UncheckedIOException
            || e instanceof ExecutionException
            || e instanceof CompletionException
            || e instanceof ExceptionInInitializerError)) {
      e = e.getCause();
    }
    return e;
  }
}
