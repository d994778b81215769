package io.sluice.spark;

import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import org.apache.spark.api.java.JavaFutureAction;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.scheduler.SparkListenerTaskStart;
import org.apache.spark.util.ShutdownHookManager;
import scala.runtime.BoxedUnit;

/**
 * A job whose tasks save their work when the job is stopped, by Ctrl-C for instance, or when
 * another of its tasks has failed for good. Tasks learn it from {@code TaskContext.isInterrupted};
 * the driver waits until they have ended, and Spark's own reaction to the signal until then.
 */
final class StoppableJob implements AutoCloseable {
  /** Steps and checkpoints are done well within this. */
  private static final long MOST_SECONDS = 100;

  private static final long LOOK_MILLIS = 200;

  private final JavaSparkContext context;
  private final Set<Long> running = ConcurrentHashMap.newKeySet();
  private final CountDownLatch ended = new CountDownLatch(1);
  private final SparkListener tasks =
      new SparkListener() {
        @Override
        public void onTaskStart(SparkListenerTaskStart start) {
          running.add(start.taskInfo().taskId());
        }

        @Override
        public void onTaskEnd(SparkListenerTaskEnd end) {
          running.remove(end.taskInfo().taskId());
        }
      };
  private final Object hook;

  private StoppableJob(JavaSparkContext context) {
    this.context = context;
    context.sc().addSparkListener(tasks);
    hook =
        ShutdownHookManager.addShutdownHook(
            ShutdownHookManager.SPARK_CONTEXT_SHUTDOWN_PRIORITY() + 1,
            () -> {
              try {
                ended.await(MOST_SECONDS, TimeUnit.SECONDS);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
              return BoxedUnit.UNIT;
            });
  }

  /** Begins to listen for tasks and signals. */
  static StoppableJob listen(JavaSparkContext context) {
    return new StoppableJob(context);
  }

  /**
   * Runs the job.
   *
   * @param results what tasks compute
   * @param stops whether the job is to stop; asked all the time
   * @return the results; null if the job was stopped
   * @throws Exception if a task has failed as often as Spark tries
   */
  <T> List<T> run(JavaRDD<T> results, BooleanSupplier stops) throws Exception {
    JavaFutureAction<List<T>> job = results.collectAsync();
    boolean complete = false;
    try {
      while (!stops.getAsBoolean()) {
        try {
          List<T> all = job.get(LOOK_MILLIS, TimeUnit.MILLISECONDS);
          complete = true;
          return all;
        } catch (TimeoutException e) {
          // Tasks run.
        }
      }
      job.cancel(false);
      return null;
    } finally {
      if (!complete) {
        awaitTasks();
      }
    }
  }

  private void awaitTasks() throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(MOST_SECONDS);
    do {
      Thread.sleep(LOOK_MILLIS);
    } while (!running.isEmpty() && System.nanoTime() < end);
  }

  @Override
  public void close() {
    ended.countDown();
    context.sc().removeSparkListener(tasks);
    try {
      ShutdownHookManager.removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The process ends.
    }
  }
}
