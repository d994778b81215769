package io.sluice.spark.start;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The start of Spark in the driver. Where no executor starts for a minute, it says once what may
 * keep them from it.
 */
public final class SparkStart {
  /** How often it is asked whether an executor is there. */
  private static final long LOOK_MILLIS = 500;

  /** A setting: how long no executor may start until that is said. */
  private static final String PATIENCE = "spark.sluice.patience";

  /** What the shell of a container says. */
  private static final Pattern NO_JAVA =
      Pattern.compile("(\\S+/bin/java): No such file or directory");

  private static final Logger LOG = LoggerFactory.getLogger(SparkStart.class);

  private final SparkConf conf;
  private final Optional<ExecutorPods> pods;
  private volatile JavaSparkContext context;
  private volatile boolean failed;

  private SparkStart(SparkConf conf) {
    this.conf = conf;
    this.pods = ExecutorPods.watch(conf);
  }

  /**
   * Starts Spark.
   *
   * @param conf all settings; on Kubernetes it gets some more
   * @return the connection, which belongs to the caller; executors may start later
   * @throws UncheckedIOException if Spark refuses the settings, for instance more cores than there
   *     are, or does not get what it needs from the cluster; the message is one line
   */
  public static JavaSparkContext of(SparkConf conf) {
    SparkStart start = null;
    try {
      start = new SparkStart(conf);
      if (!conf.get("spark.master", "").matches("local(\\[.*)?")) {
        // Spark itself waits until the queue of YARN has room for the application.
        Thread.ofVirtual().start(start::watch);
      }
      start.context = new JavaSparkContext(conf);
      return start.context;
    } catch (Exception e) {
      // The compiler does not know that Scala throws checked ones.
      throw new UncheckedIOException(new IOException("Spark cannot start: " + reason(start, e), e));
    } finally {
      if (start != null) {
        start.failed = start.context == null;
      }
    }
  }

  /** What Spark says, and what is at the bottom of it. */
  private static String reason(SparkStart start, Throwable failure) {
    if (start != null) {
      Optional<String> obstacle = start.pods.flatMap(ExecutorPods::obstacle);
      if (obstacle.isPresent()) {
        return obstacle.get();
      }
    }
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

  private void watch() {
    long seconds = conf.getTimeAsSeconds(PATIENCE, "60s");
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    try {
      while (!failed && !hasExecutor()) {
        if (System.nanoTime() >= end) {
          LOG.warn("no executor has started for {} seconds; {}", seconds, obstacle());
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

  /** Whether an executor has started, or Spark was stopped. */
  private boolean hasExecutor() {
    // The driver is in the list.
    return context != null
        && (context.sc().isStopped() || context.sc().getExecutorMemoryStatus().size() > 1);
  }

  private String obstacle() {
    if (pods.isPresent()) {
      return pods.get()
          .obstacle()
          .orElse("'kubectl get events' says what Kubernetes has done of late");
    }
    boolean yarn = conf.get("spark.master").equals("yarn");
    return "look into "
        + (yarn ? "YARN's page of the application and its logs" : "the logs of the workers")
        + ": they need Spark "
        + org.apache.spark.package$.MODULE$.SPARK_VERSION()
        + ", a JDK of 22 or newer"
        + (yarn ? " (spark.executorEnv.JAVA_HOME)" : "")
        + ", and the memory and cores that an executor is given";
  }
}
