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

  /** What the system says of a full disk, with no file: Spark writes its own files so. */
  private static final Pattern FULL =
      Pattern.compile("No space left on device|File too large|Disk quota exceeded");

  /** How Spark's error ends where no task has failed for good. */
  private static final String ENDED = "cancelled because SparkContext was shut down";

  private static final Pattern PLACE = Pattern.compile("\\(([^()\\s]+) executor (\\S+?)\\)");

  /** The end of a job whose last task was lost with its executor. */
  private static final Pattern LOST =
      Pattern.compile(
          "ExecutorLostFailure \\(executor (\\S+) [^)]*\\) Reason:(.*?)(?:Driver stacktrace:.*)?$",
          Pattern.DOTALL);

  /** What Kubernetes adds to the reason before it says how a container has ended. */
  private static final Pattern CONTAINER =
      Pattern.compile(" The API gave the following container statuses:.*(?=termination reason:)");

  /** An executor that has taken more memory than it was given. */
  private static final Pattern MEMORY = Pattern.compile("OOM|137|memory limits");

  private TaskFailure() {}

  /**
   * The error to report.
   *
   * @param task what a task has thrown, for where Spark reports a text alone; null if nothing
   */
  static IOException of(Throwable failure, Throwable task) {
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
    Matcher lost = LOST.matcher(String.valueOf(failure.getMessage()));
    if (lost.find()) {
      return lost(lost.group(1), ErrorLine.text(lost.group(2)), failure);
    }
    if (String.valueOf(failure.getMessage()).endsWith(ENDED) && task == null) {
      return new IOException(
          "the application was ended before its work was done, by a signal or by the cluster; the"
              + " lines of Spark above and the cluster's page of the application have the reason",
          failure);
    }
    Throwable cause = cause(failure).or(() -> cause(task)).orElse(failure);
    String line = ErrorLine.of(cause);
    Matcher full = FULL.matcher(line);
    if (full.matches() || cause instanceof IOException && full.find() && !line.contains("/")) {
      return new IOException(
          place(failure)
              + ": the disk of Spark's own files is full ("
              + full.group()
              + "); make room there, or give the workers another folder with SPARK_LOCAL_DIRS",
          failure);
    }
    return new IOException(line, failure);
  }

  private static IOException lost(String executor, String reason, Throwable failure) {
    String more =
        MEMORY.matcher(reason).find()
            ? "; give executors more memory outside the heap, with '-- --conf"
                + " spark.executor.memoryOverhead=4g'"
            : "";
    return new IOException(
        "a task was lost with its executor as often as Spark tries, the last time with executor "
            + executor
            + ": "
            + CONTAINER.matcher(reason).replaceFirst(" ")
            + more,
        failure);
  }

  /** The executor whose task Spark reports as the last that failed. */
  private static String place(Throwable failure) {
    Matcher place = PLACE.matcher(String.valueOf(failure));
    return place.find() ? "executor " + place.group(2) + " on " + place.group(1) : "an executor";
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
              || each instanceof OutOfMemoryError
              || each.getClass().getName().startsWith("io.sluice.");
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
