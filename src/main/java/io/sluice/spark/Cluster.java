package io.sluice.spark;

import io.sluice.cli.console.Progress;
import io.sluice.spark.start.SparkStart;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;
import org.apache.spark.ExceptionFailure;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.util.LongAccumulator;
import org.apache.spark.util.ShutdownHookManager;

/** The connection of the driver to Spark, with the settings of {@code spark-submit}. */
final class Cluster implements AutoCloseable {
  private static final long TASKS_PER_EXECUTOR = 2;
  private static final long LEAST_TOKENS = 8192;
  private static final long MOST_TOKENS = 65_536;

  private final JavaSparkContext context;
  private final OldJdk old = new OldJdk();
  private TaskProgress shown;
  private boolean succeeded;

  private Cluster(JavaSparkContext context) {
    this.context = context;
    context.sc().addSparkListener(old);
  }

  /**
   * Ends the work at the first executor whose JDK is too old: others have the same, and where all
   * are on one machine Spark would wait for another one.
   */
  private final class OldJdk extends SparkListener {
    private volatile Throwable thrown;

    @Override
    public void onTaskEnd(SparkListenerTaskEnd end) {
      if (thrown == null
          && end.reason() instanceof ExceptionFailure failure
          && failure.className().equals(UnsupportedClassVersionError.class.getName())) {
        thrown = new UnsupportedClassVersionError(failure.description());
        cancel();
      }
    }
  }

  /**
   * Connects.
   *
   * @param name what Spark's page calls the work
   */
  static Cluster open(String name) {
    return open(name, Map.of());
  }

  /**
   * Connects with settings of the command's own.
   *
   * @param settings what they are; they come before those of {@code spark-submit}
   * @throws UncheckedIOException if Spark refuses them, for instance more cores than there are
   */
  static Cluster open(String name, Map<String, String> settings) {
    SparkConf conf = new SparkConf().setAppName(name);
    settings.forEach(conf::set);
    JavaSparkContext context = SparkStart.of(conf);
    context.sc().setJobDescription(name);
    return new Cluster(context);
  }

  /** Work of several tasks. */
  interface Job<T> {
    T run(JavaSparkContext context) throws Exception;
  }

  /**
   * Runs a job.
   *
   * @throws IOException if a task has failed as often as Spark tries; its message is the one line
   *     of the task's own error; or if the process or Spark is stopped
   */
  <T> T run(Job<T> job) throws IOException {
    succeeded = false;
    try {
      T result = job.run(context);
      succeeded = true;
      return result;
    } catch (Exception e) {
      end(); // What the tasks have thrown is known then.
      if (ShutdownHookManager.inShutdown()) {
        throw new IOException("stopped", e);
      }
      throw TaskFailure.of(
          old.thrown != null ? old.thrown : e, shown == null ? null : shown.lastFailure());
    }
  }

  /**
   * Tokens of a task, where the result does not depend on it: enough that starting it and running
   * what it shares with its neighbours costs little, and few enough that all executors have work.
   *
   * @param all tokens of all tasks
   */
  long taskTokens(long all) {
    // The driver is in the list, and in one process the only one.
    int executors = Math.max(1, context.sc().getExecutorMemoryStatus().size() - 1);
    return Math.clamp(all / (TASKS_PER_EXECUTOR * executors), LEAST_TOKENS, MOST_TOKENS);
  }

  /**
   * A number that tasks add to, shown while they run, with how many of them are done.
   *
   * @param name what is counted, for Spark's page
   * @param progress shows it
   */
  LongAccumulator counter(String name, Progress progress) {
    LongAccumulator counter = context.sc().longAccumulator(name);
    if (shown != null) {
      context.sc().removeSparkListener(shown);
      shown.tellFailures();
    }
    shown = new TaskProgress(counter.id(), progress, this::cancel);
    context.sc().addSparkListener(shown);
    return counter;
  }

  private void cancel() {
    try {
      context.cancelAllJobs();
    } catch (IllegalStateException e) {
      // The work has ended already.
    }
  }

  /** Ends the connection; what Spark then says is about tasks for which no one waits any more. */
  private void end() {
    context.setLogLevel("OFF");
    context.close();
  }

  /** Ends the connection, when all that is shown of the work has been shown. */
  @Override
  public void close() {
    end();
    if (shown != null && succeeded) {
      shown.tellFailures();
    }
  }
}
