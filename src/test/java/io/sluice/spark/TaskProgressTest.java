package io.sluice.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.cli.console.Progress;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import org.apache.spark.Success$;
import org.apache.spark.TaskEndReason;
import org.apache.spark.TaskResultLost$;
import org.apache.spark.TaskState;
import org.apache.spark.scheduler.AccumulableInfo;
import org.apache.spark.scheduler.SparkListenerExecutorMetricsUpdate;
import org.apache.spark.scheduler.SparkListenerStageSubmitted;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.scheduler.SparkListenerTaskStart;
import org.apache.spark.scheduler.StageInfo;
import org.apache.spark.scheduler.TaskInfo;
import org.apache.spark.scheduler.TaskLocality;
import org.junit.jupiter.api.Test;
import scala.Option;
import scala.Tuple4;
import scala.collection.immutable.Map$;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/** What the driver shows of events as Spark sends them; needs no installation of Spark. */
class TaskProgressTest {
  private static final long COUNTER = 7;
  private static final int STAGE = 1;

  private final StringWriter shown = new StringWriter();
  private final Progress progress =
      Progress.start(new PrintWriter(shown), "capture", 100, "tokens");
  private long nanos;
  private int cancelled;
  private final TaskProgress listener =
      new TaskProgress(COUNTER, progress, () -> cancelled++, () -> nanos);

  @Test
  void countsWhatRunsAndWhatIsDoneAgainOnce() {
    submit(STAGE, "capture", 2);
    start(10, 0);
    start(11, 1);
    heartbeat(10, 30);
    heartbeat(11, 20);
    fail(11, 1, new IOException("disk"));
    assertThat(last()).contains("50 tokens").contains("capture: 0/2 tasks, 1 try failed");
    start(12, 1);
    heartbeat(12, 5);
    assertThat(last()).contains("50 tokens");
    heartbeat(12, 45);
    succeed(10, 0, 50);
    assertThat(last()).contains("95 tokens").contains("capture: 1/2 tasks, 1 try failed");
    succeed(12, 1, 50);
    submit(STAGE + 1, "merge", 3);
    assertThat(last()).contains("100 tokens").contains("merge: 0/3 tasks");
    // The first stage again, as its files were lost.
    submit(STAGE, "capture", 1);
    start(13, 1);
    succeed(13, 1, 50);
    assertThat(last()).contains("100 tokens").contains("capture: 2/2 tasks");
  }

  @Test
  void otherCountersDoNotCount() {
    submit(STAGE, "capture", 1);
    start(10, 0);
    listener.onExecutorMetricsUpdate(update(10, new Counted(COUNTER + 1, 30)));
    assertThat(last()).isEqualTo("0 tokens  capture: 0/1 tasks");
    progress.done();
    progress.close();
    heartbeat(10, 30);
    assertThat(shown.toString()).startsWith("capture: 0 tokens").endsWith("capture: 0/1 tasks\n");
  }

  @Test
  void aReasonIsShownOnceAndOnlyIfTheWorkGoesOn() {
    submit(STAGE, "capture", 2);
    start(10, 0);
    fail(10, 0, new IOException("/a/shard: cannot be written; make room"));
    start(11, 0);
    fail(11, 0, new IOException("/a/shard: cannot be written; make room"));
    assertThat(shown.toString()).isEmpty();
    nanos = TimeUnit.SECONDS.toNanos(16);
    start(12, 0);
    heartbeat(12, 1);
    heartbeat(12, 2);
    assertThat(shown.toString().lines())
        .containsExactly(
            "capture: a task failed and is tried again (2 tries): /a/shard: cannot be written;"
                + " make room");
    fail(12, 0, new IOException("/b: no such file"));
    listener.tellFailures();
    listener.tellFailures();
    assertThat(shown.toString().lines()).hasSize(2);
    assertThat(listener.lastFailure()).hasMessageContaining("/b: no such file");
  }

  @Test
  void anUnfitExecutorEndsTheWork() {
    submit(STAGE, "capture", 2);
    start(10, 0);
    start(11, 1);
    fail(10, 0, new IOException("any"));
    assertThat(cancelled).isZero();
    fail(11, 0, new UnfitExecutorException("executor 1 on b does not see it"));
    assertThat(cancelled).isOne();
    start(12, 0);
    fail(12, 0, new UnfitExecutorException("executor 2 on c, too"));
    start(13, 0);
    fail(13, 0, new IOException("cancelled meanwhile"));
    assertThat(cancelled).isOne();
    assertThat(listener.lastFailure()).hasMessageContaining("does not see it");
  }

  /** What the display is given. */
  private String last() {
    return listener.done() + " tokens  " + listener.note();
  }

  private void submit(int stage, String name, int tasks) {
    StageInfo info =
        new StageInfo(
            stage, 0, name, tasks, seq(), seq(), "", null, seq(), Option.empty(), 0, false, 0);
    listener.onStageSubmitted(new SparkListenerStageSubmitted(info, new Properties()));
  }

  private static TaskInfo task(long id, int partition) {
    return new TaskInfo(
        id, partition, 0, partition, 0, "0", "host", TaskLocality.PROCESS_LOCAL(), false);
  }

  private void start(long id, int partition) {
    listener.onTaskStart(new SparkListenerTaskStart(STAGE, 0, task(id, partition)));
  }

  private void succeed(long id, int partition, long done) {
    TaskInfo info = task(id, partition);
    info.setAccumulables(seq(new Counted(COUNTER, done).info()));
    info.markFinished(TaskState.FINISHED(), 1);
    end(info, Success$.MODULE$);
  }

  private void fail(long id, int partition, Exception thrown) {
    TaskInfo info = task(id, partition);
    info.markFinished(TaskState.FAILED(), 1);
    // Spark's own reason needs more of its libraries.
    end(info, TaskResultLost$.MODULE$);
    listener.failed(thrown);
  }

  private void end(TaskInfo info, TaskEndReason reason) {
    listener.onTaskEnd(new SparkListenerTaskEnd(STAGE, 0, "ResultTask", reason, info, null, null));
  }

  private void heartbeat(long id, long done) {
    listener.onExecutorMetricsUpdate(update(id, new Counted(COUNTER, done)));
  }

  private static SparkListenerExecutorMetricsUpdate update(long id, Counted counted) {
    Tuple4<Object, Object, Object, Seq<AccumulableInfo>> task =
        new Tuple4<>(id, STAGE, 0, seq(counted.info()));
    return new SparkListenerExecutorMetricsUpdate("0", seq(task), Map$.MODULE$.empty());
  }

  /** What a task says of a counter. */
  private record Counted(long counter, long done) {
    AccumulableInfo info() {
      return new AccumulableInfo(
          counter,
          Option.apply("tokens"),
          Option.apply(done),
          Option.empty(),
          false,
          false,
          Option.empty());
    }
  }

  @SafeVarargs
  @SuppressWarnings("varargs")
  private static <T> Seq<T> seq(T... items) {
    return CollectionConverters.asScala(List.of(items)).toSeq();
  }
}
