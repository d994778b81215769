package io.sluice.spark;

import io.sluice.cli.console.ErrorLine;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Finds the one line of a task's own error in what Spark reports of a failed job. */
final class TaskFailure {
  private static final Pattern TOO_OLD =
      Pattern.compile("UnsupportedClassVersionError.*?up to (\\d+)\\.0", Pattern.DOTALL);

  /** A class file of version 45 is of Java 1. */
  private static final int BEFORE_JAVA_1 = 44;

  private TaskFailure() {}

  /** The error to report. */
  static IOException of(Exception failure) {
    for (Throwable each = failure; each != null; each = each.getCause()) {
      Matcher old = TOO_OLD.matcher(String.valueOf(each));
      if (old.find()) {
        int version = Integer.parseInt(old.group(1)) - BEFORE_JAVA_1;
        return new IOException(
            "an executor runs on Java "
                + version
                + ", and Sluice needs 22 or newer; start the workers with another JAVA_HOME, or"
                + " give '-- --conf spark.executorEnv.JAVA_HOME=DIR'",
            failure);
      }
    }
    return new IOException(ErrorLine.of(cause(failure).orElse(failure)), failure);
  }

  /**
   * The outermost error that Sluice has thrown, which says most; where it has thrown none, the
   * innermost that the JDK has explained, and not what Spark has wrapped around it.
   */
  private static Optional<Throwable> cause(Throwable failure) {
    Throwable found = null;
    for (Throwable each = failure; each != null; each = each.getCause()) {
      boolean explained =
          each instanceof IOException
              || each instanceof UncheckedIOException
              || each instanceof IllegalArgumentException
              || each instanceof OutOfMemoryError;
      if (explained) {
        found = each;
        if (isOfSluice(each)) {
          break;
        }
      }
    }
    return Optional.ofNullable(found);
  }

  private static boolean isOfSluice(Throwable error) {
    StackTraceElement[] trace = error.getStackTrace();
    return trace.length > 0 && trace[0].getClassName().startsWith("io.sluice.");
  }
}
