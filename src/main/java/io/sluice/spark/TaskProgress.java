package io.sluice.spark;

import io.sluice.cli.console.Progress;
import java.io.IOException;
import java.util.BitSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongSupplier;
import org.apache.spark.ExceptionFailure;
import org.apache.spark.scheduler.AccumulableInfo;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorMetricsUpdate;
import org.apache.spark.scheduler.SparkListenerStageSubmitted;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.scheduler.SparkListenerTaskStart;
import org.apache.spark.scheduler.StageInfo;
import org.apache.spark.scheduler.TaskInfo;
import scala.collection.immutable.Seq;

/**
 * Shows what the tasks of a command have done, also those that run: executors report it at each
 * heartbeat. What a task does again after a failure counts once.
 *
 * <p>Why tries of tasks have failed is shown once for each reason, and only when the work goes on
 * in spite of it: what ends the command is shown by the command.
 */
final class TaskProgress extends SparkListener {
  /** How long the work goes on after a failed try until the reason is shown. */
  private static final long PATIENCE_NANOS = 15_000_000_000L;

  private final long counter;
  private final Progress progress;
  private final Runnable cancel;
  private final LongSupplier nanoTime;
  private final Map<Long, Part> running = new HashMap<>();
  private final Map<Part, Long> units = new HashMap<>();
  private final Map<Integer, Stage> stages = new HashMap<>();
  private final Map<String, Failure> failures = new LinkedHashMap<>();
  private long sum;
  private long failed;
  private Throwable lastFailure;
  private Stage shown = new Stage("", 0);

  /** A part of the work: a task, whichever try. */
  private record Part(int stage, int partition) {}

  /** A stage and which of its tasks are done. */
  private static final class Stage {
    final String name;
    final int tasks;
    final BitSet done = new BitSet();

    Stage(String name, int tasks) {
      this.name = name;
      this.tasks = tasks;
    }
  }

  /** Tries that failed for one reason. */
  private static final class Failure {
    final long firstNanos;
    int times;
    boolean shown;

    Failure(long firstNanos) {
      this.firstNanos = firstNanos;
    }
  }

  /**
   * A listener.
   *
   * @param counter the identity of the accumulator that tasks add to
   * @param progress shows it
   * @param cancel ends the work; called when an executor is unfit
   */
  TaskProgress(long counter, Progress progress, Runnable cancel) {
    this(counter, progress, cancel, System::nanoTime);
  }

  TaskProgress(long counter, Progress progress, Runnable cancel, LongSupplier nanoTime) {
    this.counter = counter;
    this.progress = progress;
    this.cancel = cancel;
    this.nanoTime = nanoTime;
  }

  @Override
  public synchronized void onStageSubmitted(SparkListenerStageSubmitted submitted) {
    StageInfo info = submitted.stageInfo();
    // A stage that is submitted again has the tasks that are missing.
    shown =
        stages.computeIfAbsent(info.stageId(), stage -> new Stage(info.name(), info.numTasks()));
    show();
  }

  @Override
  public synchronized void onTaskStart(SparkListenerTaskStart start) {
    TaskInfo task = start.taskInfo();
    running.put(task.taskId(), new Part(start.stageId(), task.partitionId()));
  }

  @Override
  public synchronized void onExecutorMetricsUpdate(SparkListenerExecutorMetricsUpdate update) {
    for (int i = 0; i < update.accumUpdates().size(); i++) {
      var task = update.accumUpdates().apply(i);
      Part part = running.get((Long) task._1());
      if (part != null) {
        count(part, task._4());
      }
    }
    show();
  }

  @Override
  public synchronized void onTaskEnd(SparkListenerTaskEnd end) {
    TaskInfo task = end.taskInfo();
    Part part = running.remove(task.taskId());
    if (part != null && task.successful()) {
      count(part, task.accumulables());
      Stage stage = stages.get(part.stage());
      if (stage != null) {
        stage.done.set(part.partition());
      }
    }
    if (end.reason() instanceof ExceptionFailure failure) {
      failed(
          failure
              .exception()
              .getOrElse(
                  () -> new IOException(failure.className() + ": " + failure.description())));
    }
    show();
  }

  /** Takes what a try of a task has thrown. */
  synchronized void failed(Throwable thrown) {
    failed++;
    if (!(lastFailure instanceof UnfitExecutorException)) {
      lastFailure = thrown;
      if (thrown instanceof UnfitExecutorException) {
        cancel.run();
      }
    }
    failures.computeIfAbsent(
            TaskFailure.of(thrown, null).getMessage(), line -> new Failure(nanoTime.getAsLong()))
        .times++;
    show();
  }

  /** Keeps what a task has done; a new try of it counts when it has done more. */
  private void count(Part part, Seq<AccumulableInfo> accumulables) {
    for (int i = 0; i < accumulables.size(); i++) {
      AccumulableInfo each = accumulables.apply(i);
      if (each.id() == counter && each.update().isDefined()) {
        long done = (Long) each.update().get();
        long before = units.getOrDefault(part, 0L);
        if (done > before) {
          units.put(part, done);
          sum += done - before;
        }
      }
    }
  }

  private void show() {
    progress.update(done(), note());
    tellFailures(PATIENCE_NANOS);
  }

  /** What all tasks have done, each counted once. */
  synchronized long done() {
    return sum;
  }

  /** The stage that was submitted last, how many of its tasks are done, and failed tries. */
  synchronized String note() {
    String tries =
        failed == 0 ? "" : failed == 1 ? ", 1 try failed" : ", " + failed + " tries failed";
    String tasks =
        shown.tasks == 0
            ? ""
            : shown.name + ": " + shown.done.cardinality() + "/" + shown.tasks + " tasks";
    return tasks + tries;
  }

  /** Shows the reasons of failures that have not been shown; the work is done. */
  synchronized void tellFailures() {
    tellFailures(0);
  }

  /** What a task has thrown last, or what says that an executor is unfit; null if nothing. */
  synchronized Throwable lastFailure() {
    return lastFailure;
  }

  private void tellFailures(long age) {
    long now = nanoTime.getAsLong();
    failures.forEach(
        (line, failure) -> {
          if (!failure.shown && now - failure.firstNanos >= age) {
            failure.shown = true;
            String times = failure.times == 1 ? "" : " (" + failure.times + " tries)";
            progress.remark("a task failed and is tried again" + times + ": " + line);
          }
        });
  }
}
