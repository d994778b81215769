package io.sluice.spark.storage;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.nio.file.AccessDeniedException;
import java.util.Locale;
import org.apache.hadoop.fs.UnsupportedFileSystemException;
import org.apache.hadoop.security.AccessControlException;
import org.apache.hadoop.util.VersionInfo;

/** Says in one line what a file system of Hadoop reports in many. */
final class StorageFailure {
  private static final int LONGEST = 300;

  private StorageFailure() {}

  /**
   * The error to report.
   *
   * @param address of the file or folder
   * @param what failed, as in "cannot be read"
   */
  static IOException of(String address, String what, Throwable failure) {
    return said(address + ": " + what + " (" + explained(address, failure), failure);
  }

  /**
   * An error that explains what lower layers have said. It suppresses their error and does not have
   * it as its cause: of causes the driver reports the last, which names neither file nor remedy.
   */
  static IOException said(String message, Throwable failure) {
    IOException said = new IOException(message);
    said.addSuppressed(failure);
    return said;
  }

  /** The reason, a bracket, and what to do. */
  private static String explained(String address, Throwable failure) {
    String scheme = address.substring(0, Math.max(0, address.indexOf(':')));
    Throwable root = root(failure);
    String said = line(root);
    if (failure instanceof UnsupportedFileSystemException
        || root instanceof ClassNotFoundException
        || root instanceof LinkageError) {
      return "Spark has no file system for it: "
          + said
          + "); give its jars to Spark"
          + (scheme.equals("s3a")
              ? ", for s3a '-- --packages org.apache.hadoop:hadoop-aws:"
                  + VersionInfo.getVersion()
                  + "'"
              : " with '-- --packages'");
    }
    if (has(failure, AccessDeniedException.class)
        || has(failure, AccessControlException.class)
        || says(failure, "credentials")) {
      return "access is denied: "
          + said
          + "); give credentials to Spark, for s3a"
          + " '-- --conf spark.hadoop.fs.s3a.access.key=… --conf spark.hadoop.fs.s3a.secret.key=…'";
    }
    if (has(failure, FileNotFoundException.class)) {
      return said + "); check the address";
    }
    if (has(failure, ConnectException.class)
        || has(failure, SocketException.class)
        || has(failure, SocketTimeoutException.class)
        || has(failure, UnknownHostException.class)) {
      return "its server does not answer: "
          + said
          + "); look at the server and the network, then run the command again";
    }
    return said + "); look at the file system, then run the command again";
  }

  private static Throwable root(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null && root.getCause() != root) {
      root = root.getCause();
    }
    return root;
  }

  private static boolean has(Throwable failure, Class<? extends Throwable> kind) {
    for (Throwable each = failure; each != null; each = each.getCause()) {
      if (kind.isInstance(each)) {
        return true;
      }
    }
    return false;
  }

  private static boolean says(Throwable failure, String word) {
    for (Throwable each = failure; each != null; each = each.getCause()) {
      if (String.valueOf(each.getMessage()).toLowerCase(Locale.ROOT).contains(word)) {
        return true;
      }
    }
    return false;
  }

  private static String line(Throwable failure) {
    String message = failure.getMessage();
    String said =
        message == null || message.isBlank() || failure instanceof ClassNotFoundException
            ? failure.getClass().getSimpleName() + (message == null ? "" : " " + message)
            : message.strip();
    String line = said.lines().findFirst().orElse("");
    return line.length() > LONGEST ? line.substring(0, LONGEST) + "…" : line;
  }
}
