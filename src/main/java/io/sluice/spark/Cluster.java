package io.sluice.spark;

import io.sluice.cli.console.Progress;
import io.sluice.spark.kubernetes.ExecutorPods;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.ExceptionFailure;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.util.LongAccumulator;
import org.apache.spark.util.ShutdownHookManager;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The connection of the driver to Spark, with the settings of {@code spark-submit}. */
final class Cluster implements AutoCloseable {
  private static final long TASKS_PER_EXECUTOR = 2;
  private static final long LEAST_TOKENS = 8192;
  private static final long MOST_TOKENS = 65_536;

  /** How often it is asked whether an executor is there. */
  private static final long LOOK_MILLIS = 500;

  /** A setting: how long no executor may start until that is said. */
  private static final String PATIENCE = "spark.sluice.patience";

  /** What the shell of a container says. */
  private static final Pattern NO_JAVA =
      Pattern.compile("(\\S+/bin/java): No such file or directory");

  private static final Logger LOG = LoggerFactory.getLogger(Cluster.class);

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
    long began = System.nanoTime();
    Optional<ExecutorPods> pods = Optional.empty();
    AtomicReference<JavaSparkContext> started = new AtomicReference<>();
    // YARN starts the application when its queue has room for it, and Spark waits for that.
    Thread early =
        Thread.ofVirtual().unstarted(() -> watch(conf, started, began, Optional.empty()));
    if (isOnYarn(conf)) {
      early.start();
    }
    JavaSparkContext context;
    try {
      pods = ExecutorPods.watch(conf);
      context = new JavaSparkContext(conf);
    } catch (Exception e) {
      early.interrupt();
      // The compiler does not know that Scala throws checked ones.
      String reason = pods.flatMap(ExecutorPods::obstacle).orElseGet(() -> reason(e));
      pods.ifPresent(ExecutorPods::close);
      throw new UncheckedIOException(new IOException("Spark cannot start: " + reason, e));
    }
    context.sc().setJobDescription(name);
    started.set(context);
    if (!context.isLocal() && !isOnYarn(conf)) {
      Optional<ExecutorPods> looking = pods;
      Thread.ofVirtual().start(() -> watch(conf, started, began, looking));
    }
    return new Cluster(context);
  }

  private static boolean isOnYarn(SparkConf conf) {
    return conf.get("spark.master", "").equals("yarn");
  }

  /** What Spark says, and what is at the bottom of it. */
  private static String reason(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    String said = String.valueOf(failure.getMessage());
    Matcher java = NO_JAVA.matcher(said);
    if (java.find()) {
      return "a node of YARN has no "
          + java.group(1)
          + "; give '-- --conf spark.yarn.appMasterEnv.JAVA_HOME=DIR --conf"
          + " spark.executorEnv.JAVA_HOME=DIR' with a JDK that every node has";
    }
    return root.getMessage() == null || said.contains(root.getMessage())
        ? said
        : said + ": " + root.getClass().getSimpleName() + ": " + root.getMessage();
  }

  /** Says once what may keep executors from starting, if none does. */
  private static void watch(
      SparkConf conf,
      AtomicReference<JavaSparkContext> started,
      long began,
      Optional<ExecutorPods> pods) {
    long seconds = conf.getTimeAsSeconds(PATIENCE, "60s");
    long end = began + TimeUnit.SECONDS.toNanos(seconds);
    try {
      while (started.get() == null || !started.get().sc().isStopped()) {
        // The driver is in the list.
        if (started.get() != null && started.get().sc().getExecutorMemoryStatus().size() > 1) {
          return;
        }
        if (System.nanoTime() >= end) {
          LOG.warn("no executor has started for {} seconds; {}", seconds, obstacle(conf, pods));
          return;
        }
        TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (IllegalStateException e) {
      // The work has ended.
    } finally {
      pods.ifPresent(ExecutorPods::close);
    }
  }

  private static String obstacle(SparkConf conf, Optional<ExecutorPods> pods) {
    if (pods.isPresent()) {
      return pods.get()
          .obstacle()
          .orElse("'kubectl get events' says what Kubernetes has done of late");
    }
    return "look into "
        + (isOnYarn(conf)
            ? "YARN's page of the application and its logs"
            : "the logs of the workers")
        + ": they need Spark "
        + org.apache.spark.package$.MODULE$.SPARK_VERSION()
        + ", a JDK of 22 or newer"
        + (isOnYarn(conf) ? " (spark.executorEnv.JAVA_HOME)" : "")
        + ", and the memory and cores that an executor is given";
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
